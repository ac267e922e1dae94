# Writes what the device port gives it (low half, high half) to the MSR that turns KVM's paravirtual clock on, then reports
# what is in the page at 0x5000 (version, multiplier, shift and flags) and what the MSR reads as.
        .include "guest.inc"
        .set    MSR_SYSTEM_TIME, 0x4b564d01
        .set    PAGE, 0x5000
        .code32
        .globl  _start
_start:
        movw    $DEVICE_PORT, %dx
        inl     %dx, %eax
        movl    %eax, %esi
        inl     %dx, %eax
        movl    %eax, %edx
        movl    %esi, %eax
        movl    $MSR_SYSTEM_TIME, %ecx
        wrmsr
        movw    $DEVICE_PORT, %dx
        movl    $PAGE, %ebx
        movl    (%ebx), %eax
        outl    %eax, %dx
        movl    24(%ebx), %eax
        outl    %eax, %dx
        movl    28(%ebx), %eax
        outl    %eax, %dx
        rdmsr
        movw    $DEVICE_PORT, %dx
        outl    %eax, %dx
        exit    0
