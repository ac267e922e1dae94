package dev.microvm.devices.power;

/**
 * System control port A, one byte, on a PC at 0x92: fast reset and the fast A20 gate. Any thread
 * may call.
 *
 * <p>A20 is always open; its bit reads back. Source: IBM PS/2 Hardware Interface Technical
 * Reference, "System Control Port A".
 */
public final class SystemControlPortA extends ResetBitPort {
    private static final int FAST_RESET = 1 << 0; // going high resets the CPU
    private static final int FAST_A20 = 1 << 1;

    /**
     * Makes a port.
     *
     * @param resetRequest called without a lock, on the vCPU's thread, each time the guest requests
     *     a reset
     */
    public SystemControlPortA(Runnable resetRequest) {
        super("system-control-port-a", FAST_RESET, FAST_RESET | FAST_A20, FAST_A20, resetRequest);
    }
}
