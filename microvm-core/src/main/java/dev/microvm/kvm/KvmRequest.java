package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;

import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.lang.foreign.MemorySegment;

/**
 * The ioctl requests that we make, grouped by the descriptor they are for:
 * Documentation/virt/kvm/api.rst, section 4. Each knows how to be called; a failure is a {@link
 * HypervisorException} that names it.
 */
enum KvmRequest {
    // Of /dev/kvm
    GET_API_VERSION(KVM_GET_API_VERSION),
    CREATE_VM(KVM_CREATE_VM),
    CHECK_EXTENSION(KVM_CHECK_EXTENSION), // of a VM too: KVM_CAP_CHECK_EXTENSION_VM
    GET_VCPU_MMAP_SIZE(KVM_GET_VCPU_MMAP_SIZE),
    GET_SUPPORTED_CPUID(KVM_GET_SUPPORTED_CPUID), // KVM_CAP_EXT_CPUID
    GET_MSR_INDEX_LIST(KVM_GET_MSR_INDEX_LIST),

    // Of a VM
    CREATE_VCPU(KVM_CREATE_VCPU),
    SET_USER_MEMORY_REGION(KVM_SET_USER_MEMORY_REGION), // KVM_CAP_USER_MEMORY
    SET_TSS_ADDR(KVM_SET_TSS_ADDR), // KVM_CAP_SET_TSS_ADDR
    SET_IDENTITY_MAP_ADDR(KVM_SET_IDENTITY_MAP_ADDR), // KVM_CAP_SET_IDENTITY_MAP_ADDR
    CREATE_IRQCHIP(KVM_CREATE_IRQCHIP), // KVM_CAP_IRQCHIP
    CREATE_PIT2(KVM_CREATE_PIT2), // KVM_CAP_PIT2
    GET_PIT2(KVM_GET_PIT2), // KVM_CAP_PIT_STATE2
    SET_PIT2(KVM_SET_PIT2),
    IRQ_LINE(KVM_IRQ_LINE), // KVM_CAP_IRQCHIP
    SET_GSI_ROUTING(KVM_SET_GSI_ROUTING), // KVM_CAP_IRQ_ROUTING
    IRQFD(KVM_IRQFD), // KVM_CAP_IRQFD
    IOEVENTFD(KVM_IOEVENTFD), // KVM_CAP_IOEVENTFD
    SIGNAL_MSI(KVM_SIGNAL_MSI), // KVM_CAP_SIGNAL_MSI
    ENABLE_CAP(KVM_ENABLE_CAP),
    GET_CLOCK(KVM_GET_CLOCK), // KVM_CAP_ADJUST_CLOCK
    SET_CLOCK(KVM_SET_CLOCK),

    // Of a vCPU
    RUN(KVM_RUN),
    GET_REGS(KVM_GET_REGS),
    SET_REGS(KVM_SET_REGS),
    GET_SREGS(KVM_GET_SREGS),
    SET_SREGS(KVM_SET_SREGS),
    GET_MSRS(KVM_GET_MSRS),
    SET_MSRS(KVM_SET_MSRS),
    GET_XSAVE(KVM_GET_XSAVE), // KVM_CAP_XSAVE
    SET_XSAVE(KVM_SET_XSAVE),
    GET_XCRS(KVM_GET_XCRS), // KVM_CAP_XCRS
    SET_XCRS(KVM_SET_XCRS),
    GET_DEBUGREGS(KVM_GET_DEBUGREGS), // KVM_CAP_DEBUGREGS
    SET_DEBUGREGS(KVM_SET_DEBUGREGS),
    GET_VCPU_EVENTS(KVM_GET_VCPU_EVENTS), // KVM_CAP_VCPU_EVENTS
    SET_VCPU_EVENTS(KVM_SET_VCPU_EVENTS),
    GET_MP_STATE(KVM_GET_MP_STATE), // KVM_CAP_MP_STATE
    SET_MP_STATE(KVM_SET_MP_STATE),
    GET_LAPIC(KVM_GET_LAPIC), // KVM_CAP_IRQCHIP
    SET_LAPIC(KVM_SET_LAPIC),
    SET_CPUID2(KVM_SET_CPUID2), // KVM_CAP_EXT_CPUID
    GET_TSC_KHZ(KVM_GET_TSC_KHZ), // KVM_CAP_GET_TSC_KHZ
    SET_TSC_KHZ(KVM_SET_TSC_KHZ), // KVM_CAP_TSC_CONTROL
    HAS_DEVICE_ATTR(KVM_HAS_DEVICE_ATTR), // KVM_CAP_VCPU_ATTRIBUTES
    GET_DEVICE_ATTR(KVM_GET_DEVICE_ATTR),
    SET_DEVICE_ATTR(KVM_SET_DEVICE_ATTR),
    KVMCLOCK_CTRL(KVM_KVMCLOCK_CTRL), // KVM_CAP_KVMCLOCK_CTRL
    INTERRUPT(KVM_INTERRUPT),
    SET_GUEST_DEBUG(KVM_SET_GUEST_DEBUG), // KVM_CAP_SET_GUEST_DEBUG
    TRANSLATE(KVM_TRANSLATE);

    private final long number;

    KvmRequest(long number) {
        this.number = number;
    }

    /** The request's number, as ioctl(2) wants it. */
    long number() {
        return number;
    }

    /** Makes the request with a number and returns its result. */
    int call(FileDescriptor fd, long argument) {
        return check(Libc.ioctl(fd.value(), number, argument));
    }

    /** Makes the request with a struct and returns its result. */
    int call(FileDescriptor fd, MemorySegment argument) {
        return check(Libc.ioctl(fd.value(), number, argument));
    }

    private int check(int result) {
        if (result < 0) throw failure(-result, "");
        return result;
    }

    /** The exception for an error, with a remedy if there is one to give. */
    HypervisorException failure(int errno, String remedy) {
        return new HypervisorException(
                "KVM_%s failed: %s%s".formatted(name(), Errno.text(errno), remedy.isEmpty() ? "" : "; " + remedy));
    }
}
