# Loads an empty interrupt descriptor table and takes a fault: double, triple, shutdown.
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        lidt    empty
        ud2
empty:  .word   0
        .long   0
