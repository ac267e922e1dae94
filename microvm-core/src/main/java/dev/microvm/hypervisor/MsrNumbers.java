package dev.microvm.hypervisor;

/**
 * Numbers of the model-specific registers that more than one part of a machine needs, under the
 * names of their sources: Intel SDM vol. 4, table 2-2, and Linux
 * Documentation/virt/kvm/x86/msr.rst.
 */
public final class MsrNumbers {
    public static final int IA32_TIME_STAMP_COUNTER = 0x10;
    public static final int IA32_APIC_BASE = 0x1B;
    public static final int IA32_TSC_ADJUST = 0x3B;
    public static final int IA32_SYSENTER_CS = 0x174;
    public static final int IA32_SYSENTER_ESP = 0x175;
    public static final int IA32_SYSENTER_EIP = 0x176;
    public static final int IA32_MISC_ENABLE = 0x1A0;
    public static final int IA32_MTRR_DEF_TYPE = 0x2FF;
    public static final int IA32_TSC_DEADLINE = 0x6E0;
    public static final int IA32_EFER = 0xC000_0080;
    public static final int IA32_STAR = 0xC000_0081;
    public static final int IA32_LSTAR = 0xC000_0082;
    public static final int IA32_CSTAR = 0xC000_0083;
    public static final int IA32_FMASK = 0xC000_0084;
    public static final int IA32_FS_BASE = 0xC000_0100;
    public static final int IA32_GS_BASE = 0xC000_0101;
    public static final int IA32_KERNEL_GS_BASE = 0xC000_0102;
    public static final int IA32_TSC_AUX = 0xC000_0103;

    public static final int MSR_KVM_WALL_CLOCK = 0x11;
    public static final int MSR_KVM_SYSTEM_TIME = 0x12;
    public static final int MSR_KVM_WALL_CLOCK_NEW = 0x4B56_4D00;
    public static final int MSR_KVM_SYSTEM_TIME_NEW = 0x4B56_4D01;

    private MsrNumbers() {}
}
