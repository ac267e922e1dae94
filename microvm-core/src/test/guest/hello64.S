# 64-bit mode: writes a greeting, then what only 64-bit registers can hold.
        .include "guest.inc"
        .code64
        .globl  _start
_start:
        movabsq $0x123456789abcdef0, %rax
        movq    %rax, %r8
        shrq    $32, %r8
        cmpl    $0x12345678, %r8d
        jne     bad
        movl    $greeting, %esi
        movw    $COM1, %dx
next:   movb    (%rsi), %al
        testb   %al, %al
        jz      done
        outb    %al, %dx
        incq    %rsi
        jmp     next
done:   exit    44
bad:    exit    1
greeting:
        .asciz  "hello from 64 bits\n"
