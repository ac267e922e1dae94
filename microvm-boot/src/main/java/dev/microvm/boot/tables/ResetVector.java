package dev.microvm.boot.tables;

import dev.microvm.memory.GuestMemory;
import java.util.HexFormat;
import java.util.Objects;

/**
 * The code at the address where a reset begins, F000:FFF0 in real mode, for machines without
 * firmware.
 *
 * <p>A kernel jumps there if it has no other way to restart, such as Linux on a hardware-reduced
 * machine without EFI (arch/x86/kernel/reboot.c, BOOT_EFI and then BOOT_BIOS). The code pulses the
 * reset line of the keyboard controller.
 */
public final class ResetVector {
    /** Maximum size in bytes, up to the end of the first MiB. */
    public static final int SIZE = 16;

    private static final byte[] CODE = HexFormat.of()
            .parseHex(
                    "" //
                            + "b0fe" // mov $0xfe, %al: pulse output bit 0, the reset line
                            + "e664" // out %al, $0x64: the keyboard controller's command register
                            + "f4" // hlt
                            + "ebfd"); // jmp back to it

    private ResetVector() {}

    /** Writes it to {@code address}. */
    public static void write(GuestMemory memory, long address) {
        Objects.requireNonNull(memory, "memory");
        memory.write(address, CODE);
    }
}
