package dev.microvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.ProcessUse;
import dev.microvm.testing.TinyGuest;
import dev.microvm.vcpu.VcpuThreads;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A thousand machines in one JVM leave nothing behind. */
@Lanes.Kvm
@Timeout(60)
final class ManyMachinesKvmTest {
    private static final int MACHINES = 1000;
    private static final int WARM_UP = 100;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    // What the JVM itself may open, map or start meanwhile: far less than one for each machine.
    private static final int SOME_DESCRIPTORS = 20;
    private static final int SOME_MAPPINGS = 200;
    private static final int SOME_THREADS = 20;

    @Test
    void givesEverythingBack_whenMachinesRanToTheirEnd() {
        assertThat(exitCodes(WARM_UP)).containsOnly(42);
        ProcessUse before = ProcessUse.now();

        List<Integer> exitCodes = exitCodes(MACHINES);

        ProcessUse after = ProcessUse.now();
        assertThat(exitCodes).hasSize(MACHINES).containsOnly(42);
        assertBackWhereItWas(before, after);
    }

    @Test
    void givesEverythingBack_whenMachinesNeverRan() {
        makeAndClose(WARM_UP);
        ProcessUse before = ProcessUse.now();

        makeAndClose(MACHINES);

        assertBackWhereItWas(before, ProcessUse.now());
    }

    private static void assertBackWhereItWas(ProcessUse before, ProcessUse after) {
        assertThat(after.kvmDescriptors()).as("KVM descriptors").isEqualTo(before.kvmDescriptors());
        assertThat(after.eventFds()).as("eventfds").isEqualTo(before.eventFds());
        assertThat(after.kvmMappings()).as("KVM mappings").isEqualTo(before.kvmMappings());
        assertThat(after.machineThreads()).as("vCPU threads").isEqualTo(before.machineThreads());
        assertThat(after.descriptors()).as("descriptors").isLessThan(before.descriptors() + SOME_DESCRIPTORS);
        assertThat(after.mappings()).as("mappings").isLessThan(before.mappings() + SOME_MAPPINGS);
        assertThat(after.threads()).as("threads").isLessThan(before.threads() + SOME_THREADS);
    }

    private static List<Integer> exitCodes(int machines) {
        return IntStream.range(0, machines).map(i -> runToItsEnd()).boxed().toList();
    }

    /** One machine's whole life, on a vCPU thread of its own; gives the guest's exit code. */
    private static int runToItsEnd() {
        try (TinyGuest guest = new TinyGuest(new KvmHypervisor(), InterruptMode.KERNEL, "hello16").startReal()) {
            VcpuThreads threads = guest.threads();
            threads.start();
            int exitCode =
                    guest.handler().exit().orTimeout(20, TimeUnit.SECONDS).join();
            if (!threads.stopAndJoin(PATIENCE)) throw new AssertionError("the vCPU's thread does not end");
            return exitCode;
        }
    }

    private static void makeAndClose(int machines) {
        IntStream.range(0, machines)
                .forEach(i -> new TinyGuest(new KvmHypervisor(), InterruptMode.SPLIT, "hello16").close());
    }
}
