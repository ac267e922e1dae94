package dev.microvm.engine;

/**
 * How nanoseconds and ticks of a time-stamp counter correspond.
 *
 * @param khz the counter's frequency
 */
record TscScale(long khz) {
    private static final long NANOS_PER_MILLI = 1_000_000; // and a counter of 1 kHz counts milliseconds
    private static final int FRACTION_BITS = 32; // of the paravirtual clock's multiplier

    /** Returns the ticks of a number of nanoseconds, which wrap around as a counter does. */
    long ticks(long nanos) {
        return Math.floorDiv(nanos, NANOS_PER_MILLI) * khz
                + Math.floorMod(nanos, NANOS_PER_MILLI) * khz / NANOS_PER_MILLI;
    }

    /** Returns the first nanosecond with a number of ticks; {@link Long#MAX_VALUE} if there is none. */
    long nanos(long ticks) {
        long millis = Math.floorDiv(ticks, khz);
        long rest = (Math.floorMod(ticks, khz) * NANOS_PER_MILLI + khz - 1) / khz;
        long whole = millis * NANOS_PER_MILLI;
        boolean overflows = Math.multiplyHigh(millis, NANOS_PER_MILLI) != (whole < 0 ? -1 : 0);
        if (overflows) return ticks < 0 ? Long.MIN_VALUE : Long.MAX_VALUE;
        return whole > Long.MAX_VALUE - rest ? Long.MAX_VALUE : whole + rest;
    }

    /**
     * Returns by how much the paravirtual clock shifts ticks to the left, before it multiplies them:
     * as much as keeps the multiplier below 2^32.
     */
    int shift() {
        int shift = 0;
        while (khz << shift <= NANOS_PER_MILLI) shift++;
        while (shift > -Long.SIZE && khz >> -shift > 2 * NANOS_PER_MILLI) shift--;
        return shift;
    }

    /** Returns what it multiplies ticks by, in units of 2^-32. */
    int multiplier() {
        int shift = shift();
        long scaled = NANOS_PER_MILLI << FRACTION_BITS;
        return (int) ((shift >= 0 ? scaled >> shift : scaled << -shift) / khz);
    }
}
