package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Directories of the host in a guest of Linux: one start for all tests, some 10 seconds on the engine. */
@Lanes.Kernels
@Lanes.TakesLong // its device works alike on any hypervisor: SandboxOnKvmTest sees it on KVM
@Timeout(300)
final class LinuxSharesTest {
    @TempDir
    private static Path folder;

    private static Path work;
    private static Path input;
    private static Sandbox sandbox;

    @BeforeAll
    static void start() throws IOException {
        work = Files.createDirectory(folder.resolve("work"));
        input = Files.createDirectory(folder.resolve("input"));
        Files.writeString(input.resolve("given"), "by the host\n");
        sandbox = Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(GuestFiles.bundledKernel())
                .root(Root.directory(AgentGuest.tree(folder)))
                .share(work, "/deep/work")
                .share(SharedDirectory.of(input).readOnly(), "/input")
                .share(work, "/again")
                .startTimeout(Duration.ofMinutes(3))
                .start();
    }

    @AfterAll
    static void end() {
        sandbox.close();
    }

    /** Returns what a script prints that must succeed. */
    private static String sh(String script) {
        ExecResult result = sandbox.exec("sh", "-ec", "cd /deep/work; " + script);
        assertThat(result.exitCode()).as(result.stdout() + result.stderr()).isZero();
        return result.stdout();
    }

    private static String sha256(byte[] content) throws NoSuchAlgorithmException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }

    @Test
    void bothSidesReadWhatTheOtherWrote() throws IOException, NoSuchAlgorithmException {
        byte[] content = new byte[5_000_001];
        new SplittableRandom(1).nextBytes(content);
        Files.write(work.resolve("from-host"), content);

        assertThat(sh("sha256sum from-host")).startsWith(sha256(content));
        sh("cp from-host from-guest; dd if=from-host of=from-guest bs=1000 skip=7 seek=9 count=1 conv=notrunc");

        System.arraycopy(content.clone(), 7000, content, 9000, 1000);
        assertThat(sha256(Files.readAllBytes(work.resolve("from-guest")))).isEqualTo(sha256(content));
        sh("sync from-guest; rm from-host from-guest");
        assertThat(work.resolve("from-guest")).doesNotExist();
    }

    @Test
    void aThousandFilesComeAndGo() throws IOException {
        String listed =
                sh("mkdir many; seq 0 999 | awk '{ f = \"many/f\" $1; print $1 > f; close(f) }'; ls many | wc -l");

        assertThat(listed).isEqualTo("1000\n");
        assertThat(Files.readString(work.resolve("many/f999"))).isEqualTo("999\n");
        assertThat(sh("tar c many | tar t | wc -l")).isEqualTo("1001\n");
        sh("rm -r many");
        assertThat(work.resolve("many")).doesNotExist();
    }

    @Test
    void namesMove_linksAndHolesStay() throws IOException {
        sh("mkdir -p a/b; echo one > a/b/file; mv a/b a/c; mv a/c/file a/moved; ln a/moved a/hard; ln -s moved a/soft");
        assertThat(work.resolve("a/hard")).hasContent("one");
        assertThat(Files.readSymbolicLink(work.resolve("a/soft"))).hasToString("moved");
        assertThat(sh("cat a/soft; stat -c %h a/moved")).isEqualTo("one\n2\n");

        sh("truncate -s 104857600 hole; echo end >> hole; chmod 640 hole; touch -d '2020-01-02 03:04:05' hole");
        assertThat(sh("stat -c '%s %a' hole; du -k hole | cut -f 1"))
                .startsWith("104857604 640\n")
                .hasSizeLessThan(20);
        sh("mkfifo pipe; (echo through > pipe &); cat pipe; rm -r a hole pipe");
    }

    @Test
    void aFileThatIsGoneStaysOpen() {
        assertThat(sh("echo kept > open; exec 3< open; rm open; cat <&3; ls")).isEqualTo("kept\n");
        assertThat(sh("echo kept > cut; exec 3<> cut; rm cut; echo more >&3; cat /proc/self/fd/3 || true"))
                .isNotNull();
    }

    @Test
    void eachMountSeesWhatTheOtherDid() {
        assertThat(sh("echo old > both; cat /again/both; echo new > /again/other; cat other; rm both other"))
                .isEqualTo("old\nnew\n");
    }

    @Test
    void aReadOnlyShareIsReadOnly() {
        assertThat(sandbox.exec("cat", "/input/given").stdout()).isEqualTo("by the host\n");
        assertThat(sandbox.exec("sh", "-c", "echo no > /input/given").stderr()).contains("Read-only file system");
        sh("mount -o remount,rw /input");
        assertThat(sandbox.exec("sh", "-c", "echo no > /input/given").stderr()).contains("Read-only file system");
        assertThat(sandbox.exec("rm", "/input/given").stderr()).contains("Read-only file system");
    }

    @Test
    void linksLeadNowhereOnTheHost() throws IOException {
        Files.writeString(folder.resolve("secret"), "of the host");
        Files.createSymbolicLink(work.resolve("out"), folder.resolve("secret"));
        Files.createSymbolicLink(work.resolve("up"), Path.of(".."));

        assertThat(sandbox.exec("cat", "/deep/work/out").stderr()).contains("No such file");
        assertThat(sandbox.exec("cat", "/deep/work/up/secret").stderr()).contains("No such file");
        sh("rm out up");
    }

    @Test
    void aMountedShareCannotBeForked() {
        assertThatExceptionOfType(MicroVmException.class)
                .isThrownBy(() -> sandbox.fork())
                .withMessageContaining("virtio-fs share0")
                .withMessageContaining("umount");
        assertThat(sh("echo on > still; cat still; rm still")).isEqualTo("on\n");
    }
}
