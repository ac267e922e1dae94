package dev.microvm.kvm;

import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;
import static dev.microvm.kvm.generated.kvm_h.KVM_VCPU_TSC_CTRL;
import static dev.microvm.kvm.generated.kvm_h.KVM_VCPU_TSC_OFFSET;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.kvm.generated.kvm_device_attr;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The time-stamp counter of a vCPU. KVM adds an offset to the host's counter, and gives it to us if
 * it is recent enough (the attribute KVM_VCPU_TSC_OFFSET, Documentation/virt/kvm/devices/vcpu.rst):
 * then the counters of several vCPUs can be set so that they differ as they did. Else KVM makes
 * those equal that are set within a second.
 */
final class KvmTimeStamp {
    private final FileDescriptor vcpu;
    private final boolean hasOffset;

    KvmTimeStamp(FileDescriptor vcpu) {
        this.vcpu = vcpu;
        try (Arena call = Arena.ofConfined()) {
            MemorySegment attribute = offsetAttribute(call, call.allocate(JAVA_LONG));
            hasOffset = Libc.ioctl(vcpu.value(), KvmRequest.HAS_DEVICE_ATTR.number(), attribute) == 0;
        }
    }

    /**
     * The host's counter now, at the guest's rate, for {@link #at} and {@link #set} of vCPUs of the
     * same rate.
     */
    long host() {
        return hasOffset ? read() - offset() : 0;
    }

    /** What this counter shows when the host's is {@code host}. */
    long at(long host) {
        return hasOffset ? host + offset() : read();
    }

    /**
     * Makes this counter show {@code value} when the host's is {@code host}, which was a moment
     * ago.
     */
    void set(long value, long host) {
        if (hasOffset) offset(value - host);
        else KvmMsrs.write(vcpu, List.of(new MsrEntry(IA32_TIME_STAMP_COUNTER, value)));
    }

    private long read() {
        return KvmMsrs.read(vcpu, IA32_TIME_STAMP_COUNTER).getFirst().value();
    }

    private long offset() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment value = call.allocate(JAVA_LONG);
            KvmRequest.GET_DEVICE_ATTR.call(vcpu, offsetAttribute(call, value));
            return value.get(JAVA_LONG, 0);
        }
    }

    private void offset(long offset) {
        try (Arena call = Arena.ofConfined()) {
            KvmRequest.SET_DEVICE_ATTR.call(vcpu, offsetAttribute(call, call.allocateFrom(JAVA_LONG, offset)));
        }
    }

    private static MemorySegment offsetAttribute(Arena call, MemorySegment value) {
        MemorySegment attribute = kvm_device_attr.allocate(call);
        kvm_device_attr.group(attribute, KVM_VCPU_TSC_CTRL);
        kvm_device_attr.attr(attribute, KVM_VCPU_TSC_OFFSET);
        kvm_device_attr.addr(attribute, value.address());
        return attribute;
    }
}
