package dev.microvm.examples;

import dev.microvm.AwaitTimeoutException;
import dev.microvm.MicroVm;
import java.time.Duration;

/**
 * Lesson 11: code that nobody trusts. It has 256 MiB of memory, a fifth of a CPU, no network, no
 * disk, and five seconds.
 */
public final class UntrustedCode {
    private static final Duration LIMIT = Duration.ofSeconds(5);
    private static final String SCRIPT = """
            echo "here I am"
            bomb() { bomb | bomb & }
            bomb
            while true; do :; done
            """;

    private UntrustedCode() {}

    /** Runs a fork bomb, and ends it. */
    public static void main(String[] args) {
        try (MicroVm vm = Guest.running(SCRIPT).start()) {
            vm.console().awaitText("here I am", Duration.ofMinutes(2));
            vm.cpuShare(20); // in percent of a host CPU
            try {
                System.out.println("it ended: " + vm.awaitExit(LIMIT));
            } catch (AwaitTimeoutException e) {
                System.out.println("it is still busy; its time is over");
            }
            System.out.println(vm.stop().reason()); // whatever the guest does
        }
    }
}
