# The smallest Linux program: exit(0). What is left of a command's round trip when the program costs nothing.
    .globl _start
_start:
    mov $60, %eax                       # exit: arch/x86/entry/syscalls/syscall_64.tbl
    xor %edi, %edi
    syscall
