package dev.microvm.engine;

import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_SYSTEM_TIME_NEW;
import static dev.microvm.hypervisor.MsrNumbers.MSR_KVM_WALL_CLOCK_NEW;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.testing.TinyGuest;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The paravirtual clock: Linux Documentation/virt/kvm/x86/msr.rst, pvclock. */
final class ParavirtualClockTest {
    private static final long PAGE = 0x5000; // as guest "kvmclock" expects it
    private static final long ROM = 0x10_0000;
    private static final int STABLE = 1 << 8; // in the word with the shift

    private static TinyGuest guest() {
        return new TinyGuest(new EngineHypervisor(), InterruptMode.SPLIT, "kvmclock").startProtected();
    }

    /**
     * Runs a guest that writes the MSR; answers what it saw: version, multiplier, shift and flags,
     * the MSR.
     */
    private static List<Long> runs(TinyGuest guest, long msr) {
        guest.handler().answer(nth -> nth == 0 ? msr & 0xFFFF_FFFFL : msr >>> 32);
        assertThat(guest.run()).isEqualTo(VcpuExit.KICKED);
        return guest.handler().values();
    }

    /** What a guest reads as the time when its time-stamp counter is {@code tsc}. */
    private static long time(TinyGuest guest, long page, long tsc) {
        long delta = tsc - guest.memory().getLong(page + 8);
        int shift = guest.memory().getByte(page + 28);
        long multiplier = guest.memory().getInt(page + 24) & 0xFFFF_FFFFL;
        return guest.memory().getLong(page + 16) + (((delta << shift) * multiplier) >>> 32);
    }

    @Test
    void tellsTheTimeByTheTimeStampCounter() {
        try (TinyGuest guest = guest()) {
            assertThat(runs(guest, PAGE | 1)).containsExactly(2L, 1L << 31, (long) STABLE | 1, PAGE | 1);
            long before = guest.vm().clockNanos();
            long tsc = guest.vcpu().msrs(IA32_TIME_STAMP_COUNTER).getFirst().value();
            long after = guest.vm().clockNanos();
            assertThat(time(guest, PAGE, tsc)).isBetween(before, after);
        }
    }

    @Test
    void tellsTheSameTime_whenTheCounterAndTheClockAreSet() {
        long hour = 3_600_000_000_000L;
        try (TinyGuest guest = guest()) {
            guest.vcpu()
                    .msrs(List.of(
                            new MsrEntry(MSR_KVM_SYSTEM_TIME_NEW, PAGE | 1), new MsrEntry(IA32_TIME_STAMP_COUNTER, 5)));
            guest.vm().clockNanos(hour);
            runs(guest, PAGE | 1);
            long tsc = guest.vcpu().msrs(IA32_TIME_STAMP_COUNTER).getFirst().value();
            assertThat(tsc).isLessThan(hour);
            assertThat(time(guest, PAGE, tsc)).isBetween(hour, guest.vm().clockNanos());
        }
    }

    @Test
    void isNotStable_whenTheCountersOfTwoCpusDiffer() {
        try (TinyGuest guest = guest()) {
            guest.vm().createVcpu(1).msrs(List.of(new MsrEntry(IA32_TIME_STAMP_COUNTER, Long.MAX_VALUE / 2)));
            assertThat(runs(guest, PAGE | 1)).contains(1L).doesNotContain((long) STABLE | 1);
        }
    }

    @Test
    void agreesOnOneOrigin_whenTheHostSetsTheCountersOneAfterTheOther() {
        try (TinyGuest guest = guest()) {
            guest.vcpu().msrs(List.of(new MsrEntry(IA32_TIME_STAMP_COUNTER, 1L << 40)));
            guest.vm().createVcpu(1).msrs(List.of(new MsrEntry(IA32_TIME_STAMP_COUNTER, 1L << 40)));
            assertThat(runs(guest, PAGE | 1)).contains((long) STABLE | 1);
        }
    }

    @Test
    void tellsWhenItsClockBegan() {
        try (TinyGuest guest = guest()) {
            guest.vcpu().msrs(List.of(new MsrEntry(MSR_KVM_WALL_CLOCK_NEW, 0))); // restoring writes nothing
            assertThat(guest.memory().getInt(0)).isZero();
            ((EngineVcpu) guest.vcpu()).clock().writeMsr(MSR_KVM_WALL_CLOCK_NEW, PAGE);
            Instant began = Instant.ofEpochSecond(
                    guest.memory().getInt(PAGE + 4), guest.memory().getInt(PAGE + 8));
            assertThat(guest.memory().getInt(PAGE)).isEqualTo(2);
            assertThat(began).isBetween(Instant.now().minusSeconds(60), Instant.now());
        }
    }

    /** Nowhere, beyond the end of memory, across it, not aligned, device registers, and a ROM. */
    @ParameterizedTest
    @ValueSource(
            longs = {
                0xffff_f001L,
                0x1000_0000_0001L,
                -4095,
                Long.MIN_VALUE | 1,
                ROM - 16 + 1,
                ROM + 0x1001,
                PAGE | 3,
                0xfee0_0001L,
                ROM | 1
            })
    void writesNothing_whereTheGuestHasNoMemoryOfItsOwn(long msr) {
        try (TinyGuest guest = guest()) {
            GuestMemoryRegion rom = new GuestMemoryRegion(ROM, guest.vm().allocate(0x1000), true);
            guest.vm().map(1, rom);
            assertThat(runs(guest, msr)).containsExactly(0L, 0L, 0L, msr & 0xFFFF_FFFFL);
            assertThat(rom.segment().get(java.lang.foreign.ValueLayout.JAVA_LONG, 0))
                    .isZero();
            assertThat(guest.memory().getLong(ROM - 16)).isZero();
            assertThat(guest.handler().writes()).allMatch(write -> write.address() < 0x1_0000);
        }
    }
}
