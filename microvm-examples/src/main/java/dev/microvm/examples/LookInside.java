package dev.microvm.examples;

import dev.microvm.MicroVm;
import dev.microvm.PausedMachine;
import dev.microvm.hypervisor.Registers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Lesson 7: a running Linux seen from outside. Pauses it in the middle of its work, reads its
 * registers, follows its page tables to where it runs, and finds the kernel's banner in its memory.
 */
public final class LookInside {
    private static final int CPL = 0b11; // the privilege level, in a selector
    private static final int PAGE = 4096;
    private static final String BANNER = "Linux version ";
    private static final String SCRIPT = """
            echo "busy"
            while true; do cat /proc/version > /dev/null; done
            """;

    private LookInside() {}

    /** Looks three times, a tenth of a second apart. */
    public static void main(String[] args) throws InterruptedException {
        try (MicroVm vm = Guest.running(SCRIPT).start()) {
            vm.console().awaitText("busy", Duration.ofMinutes(2));
            for (int look = 1; look <= 3; look++) {
                PausedMachine paused = vm.pause();
                Registers registers = paused.registers(0);
                boolean user = (paused.specialRegisters(0).cs().selector() & CPL) != 0;
                System.out.printf(
                        "rip %x, %s, is at %x in memory%n",
                        registers.rip(), user ? "a program" : "the kernel", paused.translate(0, registers.rip()));
                if (look == 3) System.out.println(banner(paused));
                vm.resume();
                Thread.sleep(100);
            }
        }
    }

    /** Searches the guest's memory, page by page, for the kernel's banner. */
    private static String banner(PausedMachine paused) {
        for (long at = 0; at + PAGE <= paused.memorySize(); at += PAGE) {
            String page = new String(paused.read(at, PAGE), StandardCharsets.ISO_8859_1);
            int found = page.indexOf(BANNER);
            if (found >= 0)
                return "at %x: %s"
                        .formatted(
                                at + found,
                                page.substring(found).lines().findFirst().orElse(""));
        }
        return "no banner";
    }
}
