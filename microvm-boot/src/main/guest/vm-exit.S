# A Linux program for guests: vm-exit CODE writes CODE (0 to 255, decimal) to the exit port, which ends the machine with
# that code. Many kernels have no /dev/port, but all let root use a port by ioperm(2). Its own exit status tells that it
# failed: 1 = no CODE, 2 = ioperm refused, 3 = no exit port in this machine.
# linked as: program
        .set    EXIT_PORT, 0xf4
        .set    SYS_IOPERM, 173         # arch/x86/entry/syscalls/syscall_64.tbl
        .set    SYS_EXIT, 60

        .globl  _start
_start:
        movq    16(%rsp), %rsi          # argv[1]
        testq   %rsi, %rsi
        movl    $1, %edi
        jz      fail
        xorl    %ebx, %ebx
digit:  movzbl  (%rsi), %eax
        testl   %eax, %eax
        jz      parsed
        imull   $10, %ebx
        leal    -'0'(%rbx, %rax), %ebx
        incq    %rsi
        jmp     digit
parsed: movl    $EXIT_PORT, %edi        # from
        movl    $1, %esi                # how many
        movl    $1, %edx                # on
        movl    $SYS_IOPERM, %eax
        syscall
        testq   %rax, %rax
        movl    $2, %edi
        jnz     fail
        movl    %ebx, %eax
        outb    %al, $EXIT_PORT
        movl    $3, %edi
fail:   movl    $SYS_EXIT, %eax
        syscall
