# Real mode: writes a greeting to the serial port, byte by byte.
        .include "guest.inc"
        .code16
        .globl  _start
_start:
        movw    $greeting, %si
        movw    $COM1, %dx
next:   movb    (%si), %al
        testb   %al, %al
        jz      done
        outb    %al, %dx
        incw    %si
        jmp     next
done:   exit    42
greeting:
        .asciz  "hello from 16 bits\n"
