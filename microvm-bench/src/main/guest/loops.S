# A kernel with a PVH entry that runs three loops in 64-bit mode, a quarter of each to warm up and then all. Before each
# it prints a line, its name and how many instructions it is about to run, and "end" at the end.
        .altmacro
        .set    COM1, 0x3f8             # 16550: data
        .set    EXIT_PORT, 0xf4
        .set    NOTE_PHYS32_ENTRY, 18   # XEN_ELFNOTE_PHYS32_ENTRY

        # Intel SDM vol. 3A, 2.5 and 4.5, vol. 4, 2.1
        .set    CR4_PAE, 1 << 5
        .set    EFER, 0xc0000080
        .set    EFER_LME, 1 << 8
        .set    CR0_PG, 1 << 31
        .set    PRESENT_WRITABLE, 3
        .set    LARGE, 1 << 7
        .set    CODE_64, 0x08           # selectors
        .set    DATA_64, 0x10

        .set    ALU_TURNS, 80000000
        .set    ALU_INSTRUCTIONS, 12    # of a turn
        .set    MEMORY_TURNS, 60000000
        .set    MEMORY_INSTRUCTIONS, 10
        .set    TABLE_MASK, 0x3ffff     # 256 KiB: 64 pages
        # fib(n) calls itself fib(n + 1) - 1 times by the long way of 14 instructions and fib(n + 1) times by the short
        # one of 4, where fib(0) is 0
        .set    CALLS_FIB, 35
        .set    CALLS_LEAVES, 14930352  # fib(36)
        .set    CALLS_WARM_FIB, 32

        .section .note.Xen, "a", @note
        .long   4, 4, NOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   _start

# Prints a line: a name and a number.
.macro announce name, number
        leaq    .Ltext\@(%rip), %rsi
        call    print
        .pushsection .rodata
.Ltext\@:
        .asciz  "&name &number\n"
        .popsection
.endm

        .text
        .code32
        .globl  _start
_start: cld
        movl    $page_directory + PRESENT_WRITABLE, page_pointers
        movl    $page_pointers + PRESENT_WRITABLE, page_map
        movl    $page_directory, %edi   # maps the first GiB to itself
        movl    $PRESENT_WRITABLE + LARGE, %eax
1:      movl    %eax, (%edi)
        addl    $8, %edi
        addl    $2 << 20, %eax
        cmpl    $1 << 30, %eax
        jb      1b
        movl    %cr4, %eax
        orl     $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $page_map, %eax
        movl    %eax, %cr3
        movl    $EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    %cr0, %eax
        orl     $CR0_PG, %eax
        movl    %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $CODE_64, $main

        .code64
main:   movl    $DATA_64, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        leaq    stack(%rip), %rsp

        announce warm-up, 0
        movl    $ALU_TURNS / 4, %ecx
        call    alu
        movl    $MEMORY_TURNS / 4, %ecx
        call    memory
        movl    $CALLS_WARM_FIB, %edi
        call    fib

        announce alu, %(ALU_TURNS * ALU_INSTRUCTIONS)
        movl    $ALU_TURNS, %ecx
        call    alu
        announce memory, %(MEMORY_TURNS * MEMORY_INSTRUCTIONS)
        movl    $MEMORY_TURNS, %ecx
        call    memory
        announce calls, %(CALLS_LEAVES * 4 + (CALLS_LEAVES - 1) * 14)
        movl    $CALLS_FIB, %edi
        call    fib
        announce end, 0
        xorl    %eax, %eax
        outb    %al, $EXIT_PORT
1:      jmp     1b

# Registers only: a random number generator of shifts and a running sum.
        .balign 64
alu:    movabsq $0x9e3779b97f4a7c15, %rax
        xorl    %ebx, %ebx
1:      movq    %rax, %rdx
        shlq    $13, %rdx
        xorq    %rdx, %rax
        movq    %rax, %rdx
        shrq    $7, %rdx
        xorq    %rdx, %rax
        addq    %rax, %rbx
        leal    5(%rbx,%rbx,4), %esi
        andl    $0xffff, %esi
        addq    %rsi, %rbx
        decq    %rcx
        jnz     1b
        ret

# Loads, stores and changes in place all over a table.
        .balign 64
memory: leaq    table(%rip), %rbp
        xorl    %esi, %esi
1:      movq    (%rbp,%rsi), %rax
        addq    8(%rbp,%rsi), %rax
        movl    %eax, 16(%rbp,%rsi)
        movzbl  (%rbp,%rsi), %edx
        addq    %rdx, 24(%rbp,%rsi)
        movq    %rax, (%rbp,%rsi)
        addl    $0x10e0, %esi           # another page each time
        andl    $TABLE_MASK, %esi
        decl    %ecx
        jnz     1b
        ret

# Fibonacci's numbers the slow way: EAX is the one of number EDI.
        .balign 64
fib:    movl    %edi, %eax
        cmpl    $2, %edi
        jb      1f
        pushq   %rdi
        decl    %edi
        call    fib
        popq    %rdi
        pushq   %rax
        subl    $2, %edi
        call    fib
        popq    %rdx
        addl    %edx, %eax
        nop
1:      ret

# Prints the string at RSI.
print:  movl    $COM1, %edx
1:      lodsb
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        jmp     1b
2:      ret

        .balign 8
gdt:    .quad   0
        .quad   0x00209b0000000000      # 64-bit code: Intel SDM vol. 3A, figure 5-2
        .quad   0x0000930000000000
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt

        .bss
        .balign 4096
page_map:
        .skip   4096
page_pointers:
        .skip   4096
page_directory:
        .skip   4096
table:  .skip   TABLE_MASK + 1 + 64
        .skip   4096
stack:
