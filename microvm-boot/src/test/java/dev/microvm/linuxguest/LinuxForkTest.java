package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.RestoreBuilder;
import dev.microvm.Snapshot;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Debian's kernel, forked while it runs. */
@Lanes.Kernels
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxForkTest {
    private static final int CHILDREN = 12;

    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuest() {
        kernel = LinuxGuest.kernel(folder);
        initramfs =
                LinuxGuest.files().init(LinuxGuest.init(LinuxGuest.DIALOGUE)).build();
    }

    private MicroVm started() {
        MicroVmBuilder builder = TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(128)
                .cmdline("console=ttyS0 quiet cryptomgr.notests");
        MicroVm vm = builder.start();
        LinuxGuest.awaitReady(vm);
        return vm;
    }

    private static void assertMark(MicroVm vm, String mark) {
        ask(vm, "[ $(cat /mark) = %s ]".formatted(mark));
    }

    @Test
    void nobodySeesWhatTheOthersWrite_threeForksDeep() {
        try (MicroVm root = started()) {
            ask(root, "echo root > /mark");
            try (MicroVm child = root.fork().name("child").start()) {
                ask(root, "echo again > /mark");
                assertMark(child, "root");
                ask(child, "echo child > /mark; head -c 3000000 /dev/urandom > /data; sha256sum /data > /sum");
                try (MicroVm grandchild = child.fork().start()) {
                    ask(child, "echo later > /mark; head -c 3000000 /dev/zero > /data");
                    assertMark(grandchild, "child");
                    ask(grandchild, "sha256sum -c /sum; echo grandchild > /mark");
                    try (MicroVm last = grandchild.fork().start()) {
                        ask(grandchild, "rm /mark /data");
                        ask(last, "sha256sum -c /sum");
                        assertMark(last, "grandchild");
                    }
                }
                assertMark(child, "later");
            }
            assertMark(root, "again");
        }
    }

    @Test
    void hasManyChildren_fromOneMoment_andFromLaterOnes() {
        List<MicroVm> children = new ArrayList<>();
        try (MicroVm root = started()) {
            ask(root, "echo one > /mark");
            RestoreBuilder first = root.fork();
            ask(root, "echo two > /mark; head -c 36000000 /dev/urandom > /data; sha256sum /data > /sum");
            RestoreBuilder second = root.fork(); // of a new base, as much was written
            ask(root, "rm /data; echo three > /mark");
            RestoreBuilder third = root.fork();
            for (int i = 0; i < CHILDREN; i++) children.add((i % 3 == 0 ? first : i % 3 == 1 ? second : third).start());
            for (int i = 0; i < CHILDREN; i++) {
                assertMark(children.get(i), List.of("one", "two", "three").get(i % 3));
                ask(children.get(i), "echo %d > /mark".formatted(i));
            }
            ask(children.get(1), "sha256sum -c /sum");
            for (int i = 0; i < CHILDREN; i++) assertMark(children.get(i), String.valueOf(i));
            assertMark(root, "three");
        } finally {
            children.forEach(MicroVm::close);
        }
    }

    @Test
    void canBeForked_afterARestore_andSavedAfterAFork() {
        Snapshot snapshot;
        try (MicroVm root = started()) {
            ask(root, "echo root > /mark");
            try (MicroVm child = root.fork().start()) {
                ask(child, "echo child > /mark");
                snapshot = child.snapshot(folder.resolve("child"));
                assertMark(root, "root");
            }
        }
        try (MicroVm restored = snapshot.restore().start()) {
            assertMark(restored, "child");
            ask(restored, "echo restored > /mark");
            try (MicroVm fork = restored.fork().start()) {
                ask(restored, "echo later > /mark");
                assertMark(fork, "restored");
            }
        }
        snapshot.verify();
        assertThat(snapshot.spec().memory().mib()).isEqualTo(128);
    }
}
