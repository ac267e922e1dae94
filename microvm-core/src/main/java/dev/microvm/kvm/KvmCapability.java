package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;

import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.linux.FileDescriptor;

/** Capabilities of KVM that we ask for: Documentation/virt/kvm/api.rst, 4.4 KVM_CHECK_EXTENSION. */
enum KvmCapability {
    IRQCHIP(KVM_CAP_IRQCHIP),
    USER_MEMORY(KVM_CAP_USER_MEMORY),
    SET_TSS_ADDR(KVM_CAP_SET_TSS_ADDR),
    EXT_CPUID(KVM_CAP_EXT_CPUID),
    NR_VCPUS(KVM_CAP_NR_VCPUS),
    MAX_VCPUS(KVM_CAP_MAX_VCPUS),
    MP_STATE(KVM_CAP_MP_STATE),
    IRQ_ROUTING(KVM_CAP_IRQ_ROUTING),
    IRQFD(KVM_CAP_IRQFD),
    PIT2(KVM_CAP_PIT2),
    IOEVENTFD(KVM_CAP_IOEVENTFD),
    SET_IDENTITY_MAP_ADDR(KVM_CAP_SET_IDENTITY_MAP_ADDR),
    ADJUST_CLOCK(KVM_CAP_ADJUST_CLOCK),
    VCPU_EVENTS(KVM_CAP_VCPU_EVENTS),
    DEBUGREGS(KVM_CAP_DEBUGREGS),
    XSAVE(KVM_CAP_XSAVE),
    XCRS(KVM_CAP_XCRS),
    TSC_CONTROL(KVM_CAP_TSC_CONTROL),
    GET_TSC_KHZ(KVM_CAP_GET_TSC_KHZ),
    TSC_DEADLINE_TIMER(KVM_CAP_TSC_DEADLINE_TIMER),
    SIGNAL_MSI(KVM_CAP_SIGNAL_MSI),
    READONLY_MEM(KVM_CAP_READONLY_MEM),
    SET_GUEST_DEBUG(KVM_CAP_SET_GUEST_DEBUG),
    SPLIT_IRQCHIP(KVM_CAP_SPLIT_IRQCHIP),
    X2APIC_API(KVM_CAP_X2APIC_API),
    IMMEDIATE_EXIT(KVM_CAP_IMMEDIATE_EXIT);

    private final int number;

    KvmCapability(int number) {
        this.number = number;
    }

    /** The capability's number in the header. */
    int number() {
        return number;
    }

    /**
     * Asks a KVM or VM descriptor; 0 is no, and what more than 0 means depends on the capability.
     */
    int check(FileDescriptor fd) {
        return KvmRequest.CHECK_EXTENSION.call(fd, number);
    }

    /**
     * Whether virtual machines can do something.
     *
     * @param fd KVM's own or a VM's
     * @param mode where the machine's interrupt controllers are
     */
    static boolean supports(FileDescriptor fd, InterruptMode mode, Capability capability) {
        return switch (capability) {
            case KERNEL_PIT -> mode == InterruptMode.KERNEL && PIT2.check(fd) != 0;
            case READ_ONLY_MEMORY -> READONLY_MEM.check(fd) != 0;
            case DOORBELL -> true;
            case TSC_DEADLINE -> mode != InterruptMode.USERSPACE && TSC_DEADLINE_TIMER.check(fd) != 0;
            case PARAVIRTUAL_CLOCK -> ADJUST_CLOCK.check(fd) != 0;
            case INSTRUCTION_CLOCK -> false;
            case GUEST_DEBUG -> SET_GUEST_DEBUG.check(fd) != 0;
        };
    }

    /** The name as the header writes it. */
    @Override
    public String toString() {
        return "KVM_CAP_" + name();
    }
}
