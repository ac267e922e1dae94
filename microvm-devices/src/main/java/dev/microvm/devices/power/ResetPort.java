package dev.microvm.devices.power;

/**
 * The chip set's reset control register, one byte at 0xcf9 of a PC ({@code reboot=p} in Linux). Any thread may call.
 *
 * <p>Bit 2 going high resets: hard if bit 1 is set, else the CPU alone; here both ask for the same. Source: Intel 82371AB
 * (PIIX4) data sheet, 290562, "Reset control register".
 */
public final class ResetPort extends ResetBitPort {
    private static final int SYSTEM_RESET = 1 << 1; // which kind: hard
    private static final int RESET_CPU = 1 << 2; // going high starts it

    /**
     * Makes a port.
     *
     * @param resetRequest the reset line; called without a lock, on the vCPU's thread, each time the guest pulls it
     */
    public ResetPort(Runnable resetRequest) {
        super("reset-port", RESET_CPU, SYSTEM_RESET | RESET_CPU, 0, resetRequest);
    }
}
