package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.KVM_PIT_SPEAKER_DUMMY;

import dev.microvm.kvm.generated.kvm_pit_config;
import dev.microvm.kvm.generated.kvm_pit_state2;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** KVM's own i8254: KVM_CREATE_PIT2, api.rst 4.71 to 4.73. */
final class KvmPit {
    private final FileDescriptor vm;
    private final MemorySegment atPause = Arena.ofAuto().allocate(kvm_pit_state2.layout());

    /** Makes the timer in a VM. */
    KvmPit(FileDescriptor vm) {
        this.vm = vm;
        try (Arena call = Arena.ofConfined()) {
            MemorySegment config = kvm_pit_config.allocate(call);
            // KVM answers port 0x61 as well, so that the guest's calibration loops find a gate and an output.
            kvm_pit_config.flags(config, KVM_PIT_SPEAKER_DUMMY);
            KvmRequest.CREATE_PIT2.call(vm, config);
        }
    }

    /** Notes the state. */
    void pause() {
        KvmRequest.GET_PIT2.call(vm, atPause);
    }

    /**
     * Puts the state back that was noted: counters begin anew, and what fired meanwhile is
     * forgotten.
     */
    void restart() {
        KvmRequest.SET_PIT2.call(vm, atPause);
    }
}
