package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.Fork;
import dev.microvm.MicroVm;
import dev.microvm.RestoreBuilder;
import dev.microvm.Snapshot;
import dev.microvm.memory.RamBacking;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Debian's kernel, forked while it runs. */
@Lanes.Kernels
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxForkTest {
    private static final int CHILDREN = 12;

    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private LinuxAtWork linux;

    private final Map<Boolean, MicroVm> roots = new HashMap<>();

    @BeforeAll
    void prepareGuest() {
        linux = new LinuxAtWork(folder);
    }

    @AfterAll
    void closeRoots() {
        roots.values().forEach(MicroVm::close);
    }

    /** Returns a machine that is no fork, and that tests of forks share. */
    private MicroVm root(boolean forkable) {
        return roots.computeIfAbsent(forkable, this::started);
    }

    private MicroVm started(boolean forkable) {
        RamBacking backing = forkable ? RamBacking.forkable() : RamBacking.anonymous();
        return LinuxAtWork.ready(linux.guest(1, 128).ram(backing));
    }

    private static MicroVm child(MicroVm parent) {
        try (Fork moment = parent.fork()) {
            return moment.start();
        }
    }

    private static void assertMark(MicroVm vm, String mark) {
        ask(vm, "[ $(cat /mark) = %s ]".formatted(mark));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void nobodySeesWhatTheOthersWrite_threeForksDeep(boolean forkable) {
        MicroVm root = root(forkable);
        ask(root, "echo root > /mark");
        try (MicroVm child = child(root)) {
            ask(root, "echo again > /mark");
            assertMark(child, "root");
            ask(child, "echo child > /mark; head -c 3000000 /dev/urandom > /data; sha256sum /data > /sum");
            try (MicroVm grandchild = child(child)) {
                ask(child, "echo later > /mark; head -c 3000000 /dev/zero > /data");
                assertMark(grandchild, "child");
                ask(grandchild, "sha256sum -c /sum; echo grandchild > /mark");
                try (MicroVm last = child(grandchild)) {
                    ask(grandchild, "rm /mark /data");
                    ask(last, "sha256sum -c /sum");
                    assertMark(last, "grandchild");
                }
            }
            assertMark(child, "later");
        }
        assertMark(root, "again");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void hasManyChildren_fromOneMoment_andFromLaterOnes(boolean forkable) {
        List<MicroVm> children = new ArrayList<>();
        MicroVm root = root(forkable);
        try {
            ask(root, "echo one > /mark");
            Fork first = root.fork();
            ask(root, "echo two > /mark; head -c 36000000 /dev/urandom > /data; sha256sum /data > /sum");
            Fork second = root.fork(); // of a new base, as much was written
            ask(root, "rm /data; echo three > /mark");
            try (Fork third = root.fork();
                    first;
                    second) {
                for (int i = 0; i < CHILDREN; i++)
                    children.add(List.of(first, second, third).get(i % 3).start());
            }
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
    void needsNeitherItsParent_norTheFork() {
        MicroVm root = started(true);
        Fork moment = root.fork();
        try (moment) {
            ask(root, "echo root > /mark");
            root.close();
            try (MicroVm child = moment.start()) {
                RestoreBuilder late = moment.restore();
                moment.close();
                assertThatIllegalStateException().isThrownBy(late::start).withMessageContaining("the fork is closed");
                assertThatIllegalStateException().isThrownBy(moment::restore);
                ask(child, "[ ! -e /mark ]; echo child > /mark");
                try (MicroVm grandchild = child(child)) {
                    assertMark(grandchild, "child");
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void leavesNoFileOpen_whenAllAreClosed(boolean forkable) throws IOException {
        List<String> before = memoryFiles();
        try (MicroVm root = started(forkable);
                Fork moment = root.fork();
                MicroVm child = moment.start();
                Fork later = child.fork();
                MicroVm grandchild = later.start()) {
            ask(grandchild, "true");
            assertThat(memoryFiles()).hasSizeGreaterThan(before.size());
        }
        assertThat(memoryFiles()).isEqualTo(before);
    }

    private static List<String> memoryFiles() throws IOException {
        List<String> found = new ArrayList<>();
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            for (Path each : all.toList()) {
                if (!Files.isSymbolicLink(each)) continue; // closed meanwhile
                String target = Files.readSymbolicLink(each).toString();
                if (target.contains("microvm-")) found.add(target);
            }
        }
        return found;
    }

    @Test
    void canBeForked_afterARestore_andSavedAfterAFork() {
        Snapshot snapshot;
        MicroVm root = root(true);
        ask(root, "echo root > /mark");
        try (MicroVm child = child(root)) {
            ask(child, "echo child > /mark");
            snapshot = child.snapshot(folder.resolve("child"));
            assertMark(root, "root");
        }
        try (MicroVm restored = snapshot.restore().start()) {
            assertMark(restored, "child");
            ask(restored, "echo restored > /mark");
            try (MicroVm fork = child(restored)) {
                ask(restored, "echo later > /mark");
                assertMark(fork, "restored");
            }
        }
        snapshot.verify();
        assertThat(snapshot.spec().memory().mib()).isEqualTo(128);
    }
}
