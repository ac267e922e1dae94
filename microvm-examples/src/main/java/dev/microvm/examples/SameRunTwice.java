package dev.microvm.examples;

import dev.microvm.MicroVm;
import dev.microvm.clock.GuestClock;
import dev.microvm.model.HypervisorChoice;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Lesson 12: the same run twice. Time in the guest passes by the instructions that it executes, so
 * a second run prints the same to the last digit, on any host, however busy that is.
 */
public final class SameRunTwice {
    private static final int NANOS_PER_INSTRUCTION = 5;
    private static final String SCRIPT = """
            sleep 1
            echo "up for $(cut -d ' ' -f 1 /proc/uptime) s, random: $(od -An -N4 -tx4 /dev/urandom)"
            date
            vm-exit 0
            """;

    private SameRunTwice() {}

    /** Runs it twice, and compares. */
    public static void main(String[] args) {
        String first = run();
        String second = run();
        System.out.print(first);
        System.out.println(first.equals(second) ? "twice the same" : "another run: " + second);
    }

    private static String run() {
        ByteArrayOutputStream console = new ByteArrayOutputStream();
        try (MicroVm vm = Guest.running(SCRIPT)
                .hypervisor(HypervisorChoice.ENGINE) // no processor can count so
                .clock(GuestClock.instructions(NANOS_PER_INSTRUCTION))
                .serial(console)
                .start()) {
            vm.awaitExit(Duration.ofMinutes(2));
        } // closed: all of the console is there
        return console.toString(StandardCharsets.UTF_8);
    }
}
