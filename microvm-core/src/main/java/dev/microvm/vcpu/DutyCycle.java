package dev.microvm.vcpu;

/**
 * Decides when one vCPU may run, so that its thread uses a share of a host CPU and no more. It earns
 * CPU time as time passes and pays what it has used; while it is in debt it must not run. So the
 * average is right, however late a vCPU stops. For one thread at a time.
 */
final class DutyCycle {
    /** How much time without the CPU a vCPU may make up for, in nanoseconds: 100 ms. */
    private static final long BURST_NANOS = 100_000_000;

    private final double share; // above 0, up to 1
    private long lastTime;
    private long lastCpu;
    private double credit; // nanoseconds of CPU time

    /**
     * Begins a cycle in which the vCPU may run.
     *
     * @param percent of a host CPU, 1 to 100
     * @param now nanoseconds of a clock that never goes back
     * @param cpu nanoseconds of CPU time that the vCPU's thread has used
     */
    DutyCycle(int percent, long now, long cpu) {
        share = percent / 100.0;
        lastTime = now;
        lastCpu = cpu;
    }

    /** Returns whether the vCPU may run until the next call; {@code now} and {@code cpu} as above. */
    boolean mayRun(long now, long cpu) {
        double earned = share * (now - lastTime);
        long used = cpu - lastCpu;
        lastTime = now;
        lastCpu = cpu;
        credit = Math.min(credit + earned - used, share * BURST_NANOS);
        return credit >= 0;
    }
}
