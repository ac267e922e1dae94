package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.root.Root;
import dev.microvm.sandbox.root.RootException;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a guest changes over its root, in a file. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(120)
final class ChangesInFileTest {
    private static final long ROOM = 128L << 20;
    private static final Duration SOON = Duration.ofMinutes(1);

    @TempDir
    private Path folder;

    private Sandbox start(Root root) throws IOException {
        return Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(GuestFiles.bundledKernel())
                .root(root)
                .startTimeout(SOON)
                .start();
    }

    @Test
    void areThereAgain_whetherTheGuestWasTurnedOffOrKilled() throws Exception {
        Path tree = AgentGuest.tree(folder);
        Files.writeString(tree.resolve("etc/old"), "old");
        Path file = folder.resolve("changes.img");
        Root root = Root.directory(tree).changesIn(file, ROOM);

        try (Sandbox first = start(root)) {
            first.exec("sh", "-c", "echo kept > /etc/new; rm /etc/old; touch /etc/in-memory");
            assertThatExceptionOfType(MicroVmException.class)
                    .as("in use")
                    .isThrownBy(() -> start(root))
                    .withMessageContaining("changes.img");
        }
        assertThat(fsck(file)).as("after power-off").endsWith("status 0");

        try (Sandbox second = start(root)) {
            assertThat(second.exec("ls", "/etc").stdout()).isEqualTo("in-memory\nnew\n");
            second.exec("sh", "-c", "echo more >> /etc/new; sync; dd if=/dev/zero of=/lost bs=64k count=16");
            second.machine().close(); // as a crash of the host would end it
        }

        try (Sandbox third = start(root)) {
            assertThat(third.exec("cat", "/etc/new").stdout()).isEqualTo("kept\nmore\n");
        }
        assertThat(fsck(file)).as("after its journal was replayed").endsWith("status 0");

        Files.writeString(tree.resolve("etc/old"), "another root now");
        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> Root.directory(tree).changesIn(file).prepare())
                .withMessageContaining("of an older content");
    }

    @Test
    void areLimited_andWhatIsRemovedTakesNoRoom() throws Exception {
        Path file = folder.resolve("changes.img");
        try (Sandbox sandbox = start(Root.directory(AgentGuest.tree(folder)).changesIn(file, ROOM))) {
            RunResult full = sandbox.run(Command.shell("dd if=/dev/zero of=/big bs=1M count=200"), Limits.NONE);
            assertThat(full.stderr()).contains("No space left on device");
            assertThat(allocatedKib(file)).isGreaterThan(64 << 10);
            sandbox.exec("sh", "-c", "rm /big; sync");
        }
        assertThat(allocatedKib(file)).isLessThan(32 << 10);
    }

    private int allocatedKib(Path file) throws IOException, InterruptedException {
        return Integer.parseInt(run("du", "-k", file.toString()).split("\\s", 2)[0]);
    }

    @Test
    void areOfOneMachine_soATemplateRefusesThem() throws IOException {
        Root root = Root.directory(AgentGuest.tree(folder)).changesIn(folder.resolve("changes.img"), ROOM);
        assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> Sandbox.builder()
                        .kernel(GuestFiles.bundledKernel())
                        .root(root)
                        .template(folder.resolve("templates"))
                        .start())
                .withMessageContaining("use changesInMemory()");
        assertThat(folder.resolve("templates")).doesNotExist();
    }

    @Test
    void areForRootsThatHaveNoFileOfTheirOwn() {
        Root memory = Root.initramfs(Initramfs.builder().build());
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> memory.changesIn(folder.resolve("changes")));
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> Root.directory(folder).changesIn(folder.resolve("changes"), 0));
    }

    private String fsck(Path image) throws IOException, InterruptedException {
        Lanes.need("e2fsprogs", Files.isExecutable(Path.of("/usr/sbin/e2fsck")) ? "" : "there is no e2fsck: e2fsprogs");
        return run("/usr/sbin/e2fsck", "-fn", image.toString());
    }

    private String run(String... command) throws IOException, InterruptedException {
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return Files.readString(log) + "status " + process.exitValue();
    }
}
