# Firmware of 64 KiB for QEMU whose first instructions, at the reset vector, end the machine: Intel SDM vol. 3A, 10.1.4.
        .include "guest.inc"
        .code16
        .globl  _start
_start: .org    0xfff0
        exit
        .org    0x10000
