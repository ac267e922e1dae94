package dev.microvm.testing;

import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.cpuid.CpuFeature;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VcpuState;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.RecordingHandler.Access;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests of {@link VcpuState} for every hypervisor. The tests of each implementation extend it. */
@Timeout(60)
public abstract class VcpuStateContract {
    /** Returns the implementation under test. */
    protected abstract Hypervisor hypervisor();

    private TinyGuest guest(String program) {
        return new TinyGuest(hypervisor(), InterruptMode.SPLIT, program);
    }

    private static VcpuState stored(Vcpu vcpu) {
        byte[] stored = VcpuState.of(vcpu, InterruptMode.SPLIT).save().encode();
        return VcpuState.from(DeviceState.decode(stored));
    }

    /** Without the counter that counts on between two reads. */
    private static VcpuState withoutTime(VcpuState state) {
        return new VcpuState(
                state.registers(),
                state.specialRegisters(),
                state.fpu(),
                state.debugRegisters(),
                state.lapic(),
                state.msrs().stream()
                        .filter(msr -> msr.index() != IA32_TIME_STAMP_COUNTER)
                        .toList(),
                state.events(),
                state.activity());
    }

    @Test
    void isTheSameInAnotherMachine_afterTheGuestRan() {
        try (TinyGuest first = guest("hello64").startLong();
                TinyGuest second = guest("hello64")) {
            assertThat(first.run()).isEqualTo(VcpuExit.KICKED);
            VcpuState state = stored(first.vcpu());
            second.memory().write(0, first.memory().read(0, (int) TinyGuest.MEMORY_SIZE));

            state.restore(second.vcpu());

            assertThat(withoutTime(VcpuState.of(second.vcpu(), InterruptMode.SPLIT)))
                    .isEqualTo(withoutTime(state));
            assertThat(state.registers().rip()).isGreaterThan(TinyGuest.ORIGIN);
        }
    }

    /** As the guest would set them: Linux Documentation/virt/kvm/x86/msr.rst. */
    @ParameterizedTest
    @CsvSource({
        "kvmclock, 0x11, 0x5100",
        "kvmclock, 0x12, 0x5001",
        "kvmclock2, 0x4b564d00, 0x5100",
        "kvmclock2, 0x4b564d01, 0x5001",
        "kvm-asyncpf, 0x4b564d02, 0x5041",
        "kvm-steal-time, 0x4b564d03, 0x5081",
        "kvm-pv-eoi, 0x4b564d04, 0x50c1",
        "kvm-poll-control, 0x4b564d05, 0",
        "kvm-asyncpf-int, 0x4b564d06, 0xf3"
    })
    void hasEachMsrOfAParavirtualFeature(String feature, int index, long value) {
        try (TinyGuest first = guest("spin").startProtected();
                TinyGuest second = guest("spin")) {
            List<CpuFeature> features = CpuFeature.in(first.vm().supportedCpuid());
            assumeTrue(features.contains(CpuFeature.named(feature).orElseThrow()));
            MsrEntry set = new MsrEntry(index, value);
            assertThat(second.vcpu().msrs(index)).doesNotContain(set);
            first.vcpu().msrs(List.of(set));

            stored(first.vcpu()).restore(second.vcpu());

            assertThat(second.vcpu().msrs(index)).containsExactly(set);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"hello32", "strings"})
    void continuesInAnotherMachine_whereverItWasStopped(String program) {
        StoppingHandler whole = new StoppingHandler();
        try (TinyGuest guest = guest(program).startProtected()) {
            whole.runUntil(Integer.MAX_VALUE, guest.vcpu());
        }
        assertThat(whole.ended).isTrue();
        for (int stop = 1; stop < whole.seen.size(); stop++) {
            StoppingHandler handler = new StoppingHandler();
            try (TinyGuest first = guest(program).startProtected();
                    TinyGuest second = guest(program)) {
                handler.runUntil(stop, first.vcpu());
                assertThat(handler.seen).hasSizeGreaterThanOrEqualTo(stop);
                if (handler.ended) continue; // what it was about to do came with the access
                second.memory().write(0, first.memory().read(0, (int) TinyGuest.MEMORY_SIZE));
                stored(first.vcpu()).restore(second.vcpu());
                handler.runUntil(Integer.MAX_VALUE, second.vcpu());
            }
            assertThat(handler.seen).as("moved after %d accesses", stop).isEqualTo(whole.seen);
        }
    }

    /**
     * Records the accesses of one machine after the other. Stops the vCPU after a given number of
     * them, and when the guest ends.
     */
    private static final class StoppingHandler implements NoDevices {
        final List<Access> seen = new ArrayList<>();
        boolean ended;
        private int stopAt;
        private @Nullable Vcpu vcpu;

        void runUntil(int accesses, Vcpu running) {
            stopAt = accesses;
            vcpu = running;
            assertThat(running.run(this)).isEqualTo(VcpuExit.KICKED);
        }

        private long access(long address, int size, long value) {
            seen.add(new Access(address, size, value));
            ended |= address == RecordingHandler.EXIT_PORT;
            if (vcpu != null && (ended || seen.size() == stopAt)) vcpu.kick();
            return value;
        }

        @Override
        public long portIn(int port, int size) {
            return access(port, size, 0x10 + seen.size());
        }

        @Override
        public void portOut(int port, int size, long value) {
            access(port, size, value);
        }

        @Override
        public long mmioRead(long gpa, int size) {
            return access(gpa, size, 0x10 + seen.size());
        }

        @Override
        public void mmioWrite(long gpa, int size, long value) {
            access(gpa, size, value);
        }
    }
}
