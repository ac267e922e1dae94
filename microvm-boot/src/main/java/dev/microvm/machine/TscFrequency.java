package dev.microvm.machine;

import dev.microvm.cpuid.CpuidEntry;
import java.util.List;

/**
 * A frequency of time-stamp counters: what CPUID says of it, and which other one is as good.
 *
 * <p>Source: Intel SDM vol. 2A, CPUID, leaves 0x15 and 0x16; leaf 0x40000010 is one that VMware
 * defined, and QEMU has for KVM too.
 *
 * @param khz the frequency; 0 if it is not known
 */
record TscFrequency(long khz) {
    /** The difference of frequencies that KVM tolerates: tsc_tolerance_ppm, arch/x86/kvm/x86.c. */
    private static final long TOLERANCE_PPM = 250;

    private static final long MILLION = 1_000_000;
    private static final int CRYSTAL_LEAF = 0x15;
    private static final int SPEED_LEAF = 0x16;
    private static final int TIMING_LEAF = 0x4000_0010;
    private static final int KHZ_PER_MHZ = 1000;
    private static final int CRYSTAL_HZ = 1_000_000_000; // also of the local APICs' timers, on KVM and on the engine
    private static final int CRYSTAL_MHZ = 1000;

    /** Whether a guest may go from this frequency to another one, or one of them is not known. */
    boolean fits(long other) {
        return khz == 0 || other == 0 || Math.abs(other - khz) <= khz * TOLERANCE_PPM / MILLION;
    }

    /** Returns how many ticks a number of nanoseconds has. */
    long ticks(long nanos) {
        return nanos / MILLION * khz + nanos % MILLION * khz / MILLION;
    }

    /**
     * Returns a table that says this frequency where the given one says another. What leaf 0x15 cannot
     * say exactly it does not say.
     */
    List<CpuidEntry> in(List<CpuidEntry> table) {
        int mhz = Math.toIntExact(khz / KHZ_PER_MHZ);
        // guests multiply the crystal in kHz by the numerator, in 32 bits: native_calibrate_tsc, arch/x86/kernel/tsc.c
        boolean exact = khz % KHZ_PER_MHZ == 0 && (long) mhz * (CRYSTAL_HZ / KHZ_PER_MHZ) < 1L << Integer.SIZE;
        return table.stream()
                .map(entry -> switch (entry.function()) {
                    case CRYSTAL_LEAF ->
                        exact ? entry.answering(CRYSTAL_MHZ, mhz, CRYSTAL_HZ, 0) : entry.answering(0, 0, 0, 0);
                    case SPEED_LEAF -> entry.answering(mhz, mhz, entry.ecx(), entry.edx());
                    case TIMING_LEAF -> entry.answering((int) khz, entry.ebx(), entry.ecx(), entry.edx());
                    default -> entry;
                })
                .toList();
    }
}
