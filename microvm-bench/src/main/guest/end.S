# Ends at once: its first exit is its last.
        .include "guest.inc"
        .code32
        .globl  _start
_start: exit
