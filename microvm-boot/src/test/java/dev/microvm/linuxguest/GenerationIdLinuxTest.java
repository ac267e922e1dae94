package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.Fork;
import dev.microvm.MicroVm;
import dev.microvm.Snapshot;
import dev.microvm.memory.RamBacking;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Linux with a driver for the VM generation ID makes new random numbers in each machine. */
@Lanes.Kernels
@Timeout(300)
final class GenerationIdLinuxTest {
    private static final String NUMBERS = "head -c 16 /dev/urandom | od -An -tx1";
    private static final String RESEEDED = "dmesg | grep -q 'reseeded due to virtual machine fork'";

    @TempDir
    private Path folder;

    /** A guest whose generator has been seeded: before that it needs no new seed. */
    private static MicroVm seeded() {
        MicroVm vm = LinuxAtWork.ready(LinuxAtWork.bundled().guest(1, 128).ram(RamBacking.forkable()));
        ask(vm, "head -c 1 /dev/random > /dev/null");
        return vm;
    }

    @Test
    void reseedsTheGenerator_inEachMachineThatContinues_andNotInTheFirst() {
        try (MicroVm root = seeded();
                Fork moment = root.fork();
                MicroVm one = moment.start();
                MicroVm other = moment.start()) {
            List<MicroVm> children = List.of(one, other);
            assertThat(ask(one, NUMBERS)).isNotEqualTo(ask(other, NUMBERS));
            for (MicroVm child : children) ask(child, "until %s; do sleep 0.1; done".formatted(RESEEDED));
            ask(root, "! " + RESEEDED);
            Snapshot snapshot = root.snapshot(folder.resolve("snapshot"));
            try (MicroVm restored = snapshot.restore().start()) {
                ask(restored, "until %s; do sleep 0.1; done".formatted(RESEEDED));
            }
        }
    }
}
