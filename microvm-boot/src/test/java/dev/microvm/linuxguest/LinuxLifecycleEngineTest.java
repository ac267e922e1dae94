package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.ProcessUse;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/** Machines with Linux on the engine end at any time on request, and leave nothing behind. */
@Lanes.Engine
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxLifecycleEngineTest {
    private static final Duration SOON = Duration.ofMinutes(2);
    private static final int EXIT_CODE = 42;
    private static final long MIB = 1 << 20;
    private static final int LONGEST_BOOT = 1500; // milliseconds

    /** The one that boots soonest: the tests are about the machines. */
    private final Path kernel = GuestFiles.bundledKernel();

    private final Initramfs initramfs = Initramfs.builder()
            .exitProgram("/sbin/vm-exit")
            .file("/bin/busybox", GuestFiles.file("busybox"), 0755)
            .init("#!/bin/busybox sh\n/sbin/vm-exit " + EXIT_CODE + "\n")
            .build();

    private MicroVm start(int vcpus) {
        return MicroVm.builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(kernel)
                .initrd(initramfs)
                .vcpus(vcpus)
                .memoryMiB(96)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1 nokaslr mitigations=off cryptomgr.notests")
                .start();
    }

    @Test
    void closesWithinASecond_whereverLinuxIsInItsBoot() throws InterruptedException {
        long seed = Long.getLong("microvm.seed", System.nanoTime());
        Random random = new Random(seed);
        for (int i = 0; i < 16; i++) {
            MicroVm vm = start(1 + i % 2);
            TimeUnit.MILLISECONDS.sleep(random.nextInt(LONGEST_BOOT));
            long start = System.nanoTime();
            vm.close();
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .as("close, -Dmicrovm.seed=%d, machine %d", seed, i)
                    .isLessThan(Duration.ofSeconds(1));
        }
    }

    @Test
    void boots100TimesInOneJvm_withoutGrowth() throws Exception {
        boot(20); // until what the JVM makes once is there
        Use before = Use.now();
        boot(80);
        Use after = Use.now();
        System.err.printf("boots: before %s, after %s%n", before, after);
        assertThat(after.heap - before.heap).as("bytes of heap").isLessThan(4 * MIB);
        assertThat(after.metaspace - before.metaspace).as("bytes of metaspace").isLessThan(MIB);
        assertThat(after.process.machineThreads()).as("threads of machines").isZero();
        assertThat(after.process.threads())
                .as("threads")
                .isLessThanOrEqualTo(before.process.threads() + 4); // the JVM's compilers come and go
        assertThat(after.process.descriptors()).isLessThanOrEqualTo(before.process.descriptors());
    }

    /** Boots this many machines, two at a time. */
    private void boot(int machines) throws Exception {
        try (ExecutorService two = Executors.newFixedThreadPool(2)) {
            List<Future<Integer>> codes = new ArrayList<>();
            for (int i = 0; i < machines; i++) codes.add(two.submit(this::bootOne));
            for (Future<Integer> code : codes) assertThat(code.get()).isEqualTo(EXIT_CODE);
        }
    }

    private int bootOne() {
        try (MicroVm vm = start(1)) {
            return vm.awaitExit(SOON).exitCode().orElse(-1);
        }
    }

    /** Returns the live heap of the JVM after a collection. */
    private record Use(long heap, long metaspace, ProcessUse process) {
        static Use now() throws InterruptedException {
            for (int i = 0; i < 3; i++) { // what a cleaner frees goes with the next
                System.gc();
                TimeUnit.MILLISECONDS.sleep(100);
            }
            long metaspace = ManagementFactory.getMemoryPoolMXBeans().stream()
                    .filter(pool -> pool.getType() == MemoryType.NON_HEAP
                            && pool.getName().equals("Metaspace"))
                    .map(MemoryPoolMXBean::getUsage)
                    .mapToLong(usage -> usage.getUsed())
                    .sum();
            long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
            return new Use(heap, metaspace, ProcessUse.now());
        }
    }
}
