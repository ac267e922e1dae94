package dev.microvm.sandbox.root;

import static dev.microvm.boot.testing.HostProgram.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.GuestFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images that umoci, skopeo and buildah make, compared with what umoci unpacks. */
final class OciImageTest {
    @TempDir
    private Path folder;

    private Path layout;

    /** Two layers: the second removes, replaces and hides what the first has. */
    @BeforeEach
    void makeImage() throws IOException {
        ErofsTools.need();
        ErofsTools.needRootUser();
        ErofsTools.needProgram("umoci", "umoci");
        layout = folder.resolve("layout");
        run("umoci", "init", "--layout", layout);
        run("umoci", "new", "--image", layout + ":test");
        Path first = unpack("first");
        Files.createDirectories(first.resolve("bin"));
        Files.copy(GuestFiles.file("busybox"), first.resolve("bin/busybox"));
        Files.createLink(first.resolve("bin/sh"), first.resolve("bin/busybox"));
        for (String directory : List.of("etc/conf", "var/lib/x", "dev", "usr/lib")) {
            Files.createDirectories(first.resolve(directory));
        }
        for (String file : List.of("etc/a", "etc/conf/b", "etc/conf/Főtan", "var/lib/x/gone", "usr/lib/l")) {
            Files.writeString(first.resolve(file), "first " + file);
        }
        Files.createSymbolicLink(first.resolve("lib"), Path.of("usr/lib"));
        run("mknod", first.resolve("dev/null"), "c", "1", "3");
        run("mknod", first.resolve("dev/sda"), "b", "8", "300");
        run("mkfifo", first.resolve("etc/fifo"));
        run("chown", "1000:100000", first.resolve("etc/a"));
        run("chmod", "4755", first.resolve("bin/busybox"));
        repack("first");

        Path second = unpack("second");
        run("rm", "-r", second.resolve("etc/conf/b"), second.resolve("var/lib/x"), second.resolve("etc/a"));
        for (String directory : List.of("var/lib/x", "etc/a")) Files.createDirectories(second.resolve(directory));
        Files.writeString(second.resolve("var/lib/x/new"), "second");
        Files.writeString(second.resolve("etc/a/b"), "second");
        Files.createLink(second.resolve("usr/lib/l2"), second.resolve("usr/lib/l"));
        repack("second");
        run(
                "umoci",
                "config",
                "--image",
                layout + ":test",
                "--config.entrypoint",
                "/bin/sh",
                "--config.entrypoint",
                "-c");
        run("umoci", "config", "--image", layout + ":test", "--config.cmd", "echo hi", "--config.env", "A=b");
        run("umoci", "config", "--image", layout + ":test", "--config.workingdir", "/etc", "--config.user", "1:2");
    }

    @Test
    void mergesLayersAsUmociDoes() throws IOException {
        Path wanted = unpack("wanted");

        try (PreparedRoot root = prepare(Root.oci(layout))) {
            ErofsTools.assertSame(root.disk().path(), wanted, folder);
            assertThat(root.config())
                    .isEqualTo(new ImageConfig(
                            List.of("/bin/sh", "-c"), List.of("echo hi"), List.of("A=b"), "/etc", "1:2"));
            assertThat(root.config().command()).containsExactly("/bin/sh", "-c", "echo hi");
        }
    }

    @Test
    void readsArchiveOfSkopeo_andFindsItInCache() throws IOException {
        ErofsTools.needProgram("skopeo", "skopeo");
        Path archive = folder.resolve("image.tar");
        run(
                "skopeo",
                "copy",
                "-q",
                "--insecure-policy",
                "oci:" + layout + ":test",
                "oci-archive:" + archive + ":other");

        try (PreparedRoot first = prepare(Root.oci(layout, "test"));
                PreparedRoot second = prepare(Root.oci(archive, "other"))) {
            assertThat(first.fromCache()).isFalse();
            assertThat(second.fromCache()).as("equal digests").isTrue();
        }
    }

    @Test
    void readsLayersOfZstd() throws IOException {
        ErofsTools.needProgram("skopeo", "skopeo");
        Path wanted = unpack("wanted");
        Path zstd = folder.resolve("zstd");
        run(
                "skopeo",
                "copy",
                "-q",
                "--insecure-policy",
                "--dest-compress-format",
                "zstd",
                "oci:" + layout + ":test",
                "oci:" + zstd);

        try (PreparedRoot root = prepare(Root.oci(zstd))) {
            ErofsTools.assertSame(root.disk().path(), wanted, folder);
        }
    }

    @Test
    void readsImageOfBuildah() throws IOException {
        ErofsTools.needProgram("buildah", "buildah");
        String store = "--root=" + folder.resolve("store");
        String runroot = "--runroot=" + folder.resolve("run");
        String container = run("buildah", store, runroot, "--storage-driver=vfs", "from", "scratch")
                .strip();
        Path program = Files.writeString(folder.resolve("program"), "#!/bin/sh\n");
        run(
                "buildah",
                store,
                runroot,
                "--storage-driver=vfs",
                "copy",
                "--chown=7:8",
                container,
                program,
                "/usr/bin/hello");
        run(
                "buildah",
                store,
                runroot,
                "--storage-driver=vfs",
                "config",
                "--entrypoint=[\"/usr/bin/hello\"]",
                container);
        Path image = folder.resolve("buildah.tar");
        run(
                "buildah",
                store,
                runroot,
                "--storage-driver=vfs",
                "commit",
                "-q",
                "--signature-policy=" + policy(),
                container,
                "oci-archive:" + image);

        try (PreparedRoot root = prepare(Root.oci(image))) {
            assertThat(run("dump.erofs", "--path=/usr/bin/hello", root.disk().path()))
                    .contains("Uid: 7   Gid: 8");
            assertThat(root.config().entrypoint()).containsExactly("/usr/bin/hello");
        }
    }

    @Test
    void refusesLayerThatIsNotItsDigest() throws IOException {
        Path blob;
        try (Stream<Path> blobs = Files.walk(layout.resolve("blobs"))) {
            blob = blobs.filter(Files::isRegularFile)
                    .max((a, b) -> Long.compare(size(a), size(b)))
                    .orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(blob);
        bytes[bytes.length - 9] ^= 1; // in the checksum at the end, so that all files are read before
        Files.write(blob, bytes);

        assertThatExceptionOfType(RootException.class).isThrownBy(() -> prepare(Root.oci(layout)));
        try (Stream<Path> images = Files.list(folder.resolve("cache/images"))) {
            assertThat(images.map(Path::getFileName).map(Path::toString))
                    .as("nothing is left")
                    .isSubsetOf("locks");
        }
    }

    @Test
    void namesWhatThereIs_ifReferenceOrPlatformIsMissing() {
        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> prepare(Root.oci(layout, "missing")))
                .withMessageContaining("[test]");
        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> prepare(Root.oci(layout).platform("linux/arm64")))
                .withMessageContaining("linux/amd64");
    }

    private static long size(Path file) {
        return file.toFile().length();
    }

    private Path policy() throws IOException {
        return Files.writeString(folder.resolve("policy.json"), """
            {"default": [{"type": "insecureAcceptAnything"}]}
            """);
    }

    private Path unpack(String bundle) throws IOException {
        run("umoci", "unpack", "--image", layout + ":test", folder.resolve(bundle));
        return folder.resolve(bundle).resolve("rootfs");
    }

    private void repack(String bundle) throws IOException {
        run("umoci", "repack", "--image", layout + ":test", folder.resolve(bundle));
    }

    private PreparedRoot prepare(Root root) {
        return root.cache(RootCache.at(folder.resolve("cache"))).prepare();
    }
}
