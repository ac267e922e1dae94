package dev.microvm.devices.power;

/**
 * The reset control register of the chip set, one byte, on a PC at 0xcf9 ({@code reboot=p} in
 * Linux). Any thread may call.
 *
 * <p>When bit 2 goes high, the register resets the machine if bit 1 is set, and otherwise only the
 * CPU. Here both request a reset of the machine. Source: Intel 82371AB (PIIX4) data sheet, 290562,
 * "Reset control register".
 */
public final class ResetPort extends ResetBitPort {
    private static final int SYSTEM_RESET = 1 << 1; // which kind: hard
    private static final int RESET_CPU = 1 << 2; // going high starts it

    /**
     * Makes a port.
     *
     * @param resetRequest called without a lock, on the vCPU's thread, each time the guest requests
     *     a reset
     */
    public ResetPort(Runnable resetRequest) {
        super("reset-port", RESET_CPU, SYSTEM_RESET | RESET_CPU, 0, resetRequest);
    }
}
