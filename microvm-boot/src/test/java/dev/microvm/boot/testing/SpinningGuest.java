package dev.microvm.boot.testing;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.PausedMachine;
import java.nio.file.Path;
import java.time.Duration;

/** A tiny guest that spins in protected mode with interrupts off, to be given code while it is paused. */
public final class SpinningGuest {
    /** Guest-physical address of the code. */
    public static final long CODE = 8L << 20;

    /** Guest-physical address of a page of zeroes. */
    public static final long ZEROES = 9L << 20;

    private static final Duration SOON = Duration.ofSeconds(60);
    private static final long RFLAGS_FIXED = 1 << 1; // Intel SDM vol. 1, 3.4.3: always set

    private SpinningGuest() {}

    /** Describes the machine. */
    public static MicroVmBuilder in(Path folder) {
        return TinyKernel.on(folder, "spin");
    }

    /** Pauses the guest where it is about to run the code, with RAX 0 and interrupts off. */
    public static PausedMachine pausedAt(MicroVm vm, byte[] code) {
        vm.console().awaitText("tiny kernel", SOON);
        PausedMachine paused = vm.pause();
        paused.write(CODE, code);
        paused.registers(0, paused.registers(0).withRip(CODE).withRax(0).withRflags(RFLAGS_FIXED));
        return paused;
    }
}
