package dev.microvm.sandbox.root;

import static dev.microvm.boot.testing.HostProgram.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.ExecResult;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An archive of an image that umoci makes, started as a guest. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(300)
final class OciSandboxTest {
    @TempDir
    private Path folder;

    @Test
    void runsTheEntryPoint_withTheImagesVariablesAndDirectory() throws IOException {
        String release = Files.readString(GuestFiles.file("cloud/release")).strip();
        try (Sandbox sandbox = Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(LinuxGuest.kernel(folder), GuestFiles.file("cloud/modules"), release)
                .root(Root.oci(archive()).cache(RootCache.at(folder.resolve("cache"))))
                .startTimeout(Duration.ofMinutes(3))
                .start()) {
            List<String> words = sandbox.image().command();

            ExecResult result = sandbox.exec(
                    Command.of(words.getFirst(), words.subList(1, words.size()).toArray(String[]::new)));

            assertThat(result).isEqualTo(new ExecResult(0, "hello, world, from /bin\n", ""));
        }
    }

    private Path archive() throws IOException {
        ErofsTools.needProgram("umoci", "umoci");
        Path layout = folder.resolve("layout");
        String image = layout + ":test";
        Path entry = Files.writeString(folder.resolve("entry"), """
                #!/bin/sh
                echo "$GREETING, $1, from $(pwd)"
                """);
        Path busybox = Files.copy(GuestFiles.file("busybox"), folder.resolve("busybox"));
        run("chmod", "755", entry, busybox);
        run("umoci", "init", "--layout", layout);
        run("umoci", "new", "--image", image);
        run("umoci", "insert", "--image", image, busybox, "/bin/sh");
        run("umoci", "insert", "--image", image, entry, "/usr/bin/entry");
        run("umoci", "config", "--image", image, "--config.entrypoint", "/usr/bin/entry", "--config.cmd", "world");
        run("umoci", "config", "--image", image, "--config.env", "GREETING=hello", "--config.workingdir", "/bin");
        Path archive = folder.resolve("image.tar");
        run("tar", "-C", layout, "-cf", archive, ".");
        return archive;
    }
}
