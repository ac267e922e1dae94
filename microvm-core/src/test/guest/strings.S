# Reads 16 bytes by one string instruction, writes them back by another, then words and double words.
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        cld
        movw    $DEVICE_PORT, %dx
        movl    $buffer, %edi
        movl    $16, %ecx
        rep insb
        movl    $buffer, %esi
        movl    $16, %ecx
        rep outsb
        movl    $buffer, %esi
        movl    $4, %ecx
        rep outsw
        movl    $buffer, %esi
        movl    $2, %ecx
        rep outsl
        exit    0
buffer: .skip   16
