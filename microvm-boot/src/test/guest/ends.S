# A kernel with a PVH entry that ends in the way the first letter of its command line asks for:
#   e  exit port, code 7, after a greeting        k  reset by the keyboard controller
#   t  triple fault                               s  spins with interrupts off
#   p  says that it panics, then resets           f  jumps to where there is no memory
#   c  writes back what it reads on the serial port, in capitals, until a full stop
#   r  tells the user's port device what an earlier run left, leaves something, and resets until that device says stop
#   h  halts with interrupts off                  i  halts with interrupts on
#   x  answers the user's port device: writes back, plus one, what it reads from port 0x600
# linked as: ELF
        .set    COM1, 0x3f8             # 16550: data
        .set    COM1_LSR, 0x3fd         # line status; bit 0: data ready
        .set    EXIT_PORT, 0xf4
        .set    KBC_COMMAND, 0x64
        .set    KBC_PULSE_RESET, 0xfe
        .set    USER_PORT, 0x600
        .set    COM1_SCRATCH, 0x3ff
        .set    SCRATCH_RAM, 0x200000
        .set    START_INFO_CMDLINE, 24  # struct hvm_start_info: cmdline_paddr
        .set    NOTE_PHYS32_ENTRY, 18   # XEN_ELFNOTE_PHYS32_ENTRY

        .section .note.Xen, "a", @note
        .long   4, 4, NOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   _start

        .text
        .code32
        .globl  _start
_start:
        movl    $stack, %esp
        movl    START_INFO_CMDLINE(%ebx), %esi
        movb    (%esi), %bl
        movl    $greeting, %esi
        call    print
        cmpb    $'e', %bl
        je      exit_port
        cmpb    $'k', %bl
        je      keyboard_reset
        cmpb    $'t', %bl
        je      triple_fault
        cmpb    $'p', %bl
        je      panic
        cmpb    $'f', %bl
        je      nowhere
        cmpb    $'c', %bl
        je      echo
        cmpb    $'x', %bl
        je      user_device
        cmpb    $'r', %bl
        je      restart
        cmpb    $'h', %bl
        je      halt
        cmpb    $'i', %bl
        je      idle
spin:   cli
        jmp     spin

halt:   cli
        hlt
        jmp     halt
idle:   sti
        hlt
        jmp     idle
exit_port:
        movb    $7, %al
        outb    %al, $EXIT_PORT
        jmp     spin
panic:  movl    $panic_text, %esi
        call    print
keyboard_reset:
        movb    $KBC_PULSE_RESET, %al
        outb    %al, $KBC_COMMAND
        jmp     spin
triple_fault:
        lidt    no_idt
        ud2
nowhere:
        movl    $0x7ff00000, %eax
        jmp     *%eax
echo:   movw    $COM1_LSR, %dx
        inb     %dx, %al
        testb   $1, %al
        jz      echo
        movw    $COM1, %dx
        inb     %dx, %al
        cmpb    $'.', %al
        je      exit_port
        cmpb    $'a', %al
        jb      put
        cmpb    $'z', %al
        ja      put
        subb    $0x20, %al
put:    outb    %al, %dx
        jmp     echo
user_device:
        movw    $USER_PORT, %dx
        inl     %dx, %eax
        incl    %eax
        outl    %eax, %dx
        jmp     exit_port
restart:                                # the sum of what RAM and a device register hold: 0 after power-on
        movw    $COM1_SCRATCH, %dx
        xorl    %eax, %eax
        inb     %dx, %al
        addl    SCRATCH_RAM, %eax
        movw    $USER_PORT, %dx
        outl    %eax, %dx
        movl    $1, SCRATCH_RAM
        movb    $1, %al
        movw    $COM1_SCRATCH, %dx
        outb    %al, %dx
        movw    $USER_PORT, %dx
        inl     %dx, %eax               # 0: triple fault; 1: reset; else stop
        cmpl    $1, %eax
        jb      triple_fault
        je      keyboard_reset
        jmp     exit_port

print:  movw    $COM1, %dx
1:      movb    (%esi), %al
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        incl    %esi
        jmp     1b
2:      ret

greeting:
        .asciz  "tiny kernel\n"
panic_text:
        .asciz  "[    0.1] Kernel panic - not syncing: as asked\n"
no_idt: .word   0
        .long   0
        .balign 16
        .skip   256
stack:
