package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.platform.testkit.engine.EngineTestKit;

/** The template of {@link MicroVms}: later runs continue where the first one has booted. One boot, some 5 s. */
@Lanes.Engine
@Timeout(120)
final class TemplateEngineTest {
    private static final String KERNEL = "microvm.sandbox.kernel";
    private static final String ROOT = "target/roots/busybox"; // TestGuests.busyboxTree, relative to the module
    private static final String TEMPLATES = "target/templates";

    /** The log of its boot, whose times no two boots share. */
    private static final List<String> LOGS = new ArrayList<>();

    @MicroVms(root = ROOT, memoryMiB = 128, template = TEMPLATES)
    static final class Continues {
        @Test
        void leavesAFile(@Guest GuestVm guest) {
            assertThat(guest.shell("test ! -e /left && touch /left").exitCode()).isZero();
            LOGS.add(guest.shell("dmesg | head -n 30").stdout());
        }
    }

    @BeforeEach
    void beginWithoutTemplate() throws IOException {
        System.setProperty(KERNEL, GuestFiles.bundledKernel().toString());
        assertThat(TestGuests.busyboxTree()).isEqualTo(Path.of(ROOT).toAbsolutePath());
        deleteTemplates();
        LOGS.clear();
    }

    @AfterEach
    void deleteTemplates() throws IOException {
        if (!Files.exists(Path.of(TEMPLATES))) return;
        try (Stream<Path> tree = Files.walk(Path.of(TEMPLATES))) {
            for (Path each : tree.sorted((one, other) -> other.compareTo(one)).toList()) Files.delete(each);
        }
    }

    @AfterEach
    void forgetKernel() {
        System.clearProperty(KERNEL);
    }

    @Test
    void bootsOnce_whateverTheNumberOfRuns() {
        run();
        List<Path> ofFirstRun = snapshots();
        run();

        assertThat(ofFirstRun).hasSize(1);
        assertThat(snapshots()).isEqualTo(ofFirstRun);
        assertThat(LOGS).hasSize(2);
        assertThat(LOGS.getFirst()).contains("Linux version").isEqualTo(LOGS.getLast());
    }

    private static void run() {
        EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(Continues.class))
                .execute()
                .testEvents()
                .assertStatistics(statistics -> statistics.started(1).succeeded(1));
    }

    private static List<Path> snapshots() {
        try (Stream<Path> all = Files.list(Path.of(TEMPLATES))) {
            return all.filter(each -> Files.exists(each.resolve("manifest"))).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
