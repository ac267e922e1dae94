package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two hundred machines at once that continue from one moment. */
@Lanes.Engine
@Timeout(300)
final class ManyChildrenEngineTest {
    private static final long UNUSED = 0xc0_0000; // RAM that the guest does not use
    private static final int CHILDREN = 200;
    private static final long MOST = 2 << 20; // bytes of a child that waits

    @TempDir
    private Path folder;

    @Test
    void needLittleMemory_andNobodySeesWhatTheOthersWrite() throws IOException {
        List<MicroVm> children = new ArrayList<>();
        try (MicroVm root = TinyKernel.on(folder, "idle")
                        .hypervisor(HypervisorChoice.ENGINE)
                        .irqchip(Irqchip.SPLIT)
                        .ram(RamBacking.forkable())
                        .start();
                Fork moment = root.fork()) {
            children.add(moment.start()); // what is loaded for the first is not a child's
            long before = resident();
            for (int i = 0; i < CHILDREN; i++) children.add(moment.start());
            long each = (resident() - before) / CHILDREN;
            assertThat(each).isLessThan(MOST);
            for (int i = 0; i < CHILDREN; i++) {
                PausedMachine paused = children.get(i).pause();
                paused.write(UNUSED, new byte[] {(byte) i});
                children.get(i).resume();
            }
            for (int i = 0; i < CHILDREN; i++) {
                assertThat(children.get(i).pause().read(UNUSED, 1)).containsExactly(i);
                children.get(i).resume();
                assertThat(children.get(i).state()).isEqualTo(VmState.RUNNING);
            }
        } finally {
            children.forEach(MicroVm::close);
        }
    }

    /** Bytes of this process that are in memory, and in use as far as they are the JVM's heap. */
    private static long resident() throws IOException {
        System.gc();
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (!line.startsWith("VmRSS:")) continue;
            Runtime jvm = Runtime.getRuntime();
            return Long.parseLong(line.replaceAll("\\D", "")) * 1024 - jvm.freeMemory();
        }
        throw new IOException("no VmRSS");
    }
}
