package dev.microvm.engine.system;

import static dev.microvm.engine.system.SystemGuest.*;

import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Vcpu;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Several CPUs of one machine that run the same code at the same time, each on a thread. */
abstract class SeveralCpusTest extends SystemTest {
    private static final long START_LINE = CODE + 0x1000;

    /** Waits until all have come here. */
    private static final String START = """
            // .code64
            f0 ff 04 25 00 02 03 00 // lock incl 0x30200
            f3 90                   // 1: pause
            39 14 25 00 02 03 00    // cmp %edx, 0x30200
            72 f5                   // jb 1b
            e9 e8 ef ff ff          // jmp 1b - 0x1008 # to CODE
            """;

    /**
     * Runs the same code on this many CPUs, each with its number in ESI; ECX is the number of
     * rounds. An OUT to port 0xf4 ends it.
     */
    static void together(SystemGuest guest, int cpus, int rounds, String listing) throws Exception {
        guest.code(CODE, listing)
                .code(START_LINE, START)
                .with(r -> r.withRcx(rounds).withRdx(cpus).withRip(START_LINE));
        List<Vcpu> vcpus = new ArrayList<>(List.of(guest.vcpu()));
        for (int i = 1; i < cpus; i++) vcpus.add(guest.another(i));
        List<CompletableFuture<?>> running = new ArrayList<>();
        for (Vcpu each : vcpus) {
            running.add(
                    CompletableFuture.runAsync(() -> each.run(new Stopper(each)), task -> new Thread(task).start()));
        }
        for (CompletableFuture<?> each : running) each.get(50, TimeUnit.SECONDS);
    }

    /** Stops a CPU that writes to port 0xf4. */
    private record Stopper(Vcpu vcpu) implements NoDevices {
        @Override
        public void portOut(int port, int size, long value) {
            if (port == 0xF4) vcpu.kick();
        }
    }
}
