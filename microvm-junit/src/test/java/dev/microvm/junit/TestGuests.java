package dev.microvm.junit;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.root.Root;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/** Small guests of the bundled kernel and busybox, on the tested hypervisor. */
final class TestGuests implements GuestProvider {
    private static final List<String> APPLETS =
            List.of(("sh cat echo id ls mkdir rm ln mount umount sleep kill pidof ps dd sync grep sed seq sha256sum"
                            + " date hostname httpd wget nc ping ip sysctl init unshare true false touch chmod uname dmesg cut"
                            + " head tail test printf env ifconfig route arping killall")
                    .split(" "));

    TestGuests() {}

    /** Returns a guest that can be changed further. */
    static GuestVm busybox() {
        return of(busyboxTree());
    }

    /** Returns a guest with a root from a directory. */
    static GuestVm of(Path root) {
        return GuestVm.of(Root.directory(root))
                .withKernel(GuestFiles.bundledKernel())
                .withMemoryMiB(128)
                .withStartTimeout(Duration.ofMinutes(3))
                .withSandbox(
                        it -> it.hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM));
    }

    @Override
    public GuestVm guest() {
        return busybox();
    }

    /** Returns a root of busybox and links to it, made once for each build. */
    static synchronized Path busyboxTree() {
        try {
            Path tree = Path.of("target", "roots", "busybox").toAbsolutePath();
            if (!Files.exists(tree)) fill(tree);
            return tree;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Makes a root of busybox and links to it. */
    static void fill(Path tree) throws IOException {
        for (String each : List.of("bin", "proc", "sys", "dev", "tmp", "run", "etc", "mnt")) {
            Files.createDirectories(tree.resolve(each));
        }
        Path busybox = tree.resolve("bin/busybox");
        Files.copy(GuestFiles.file("busybox"), busybox, StandardCopyOption.REPLACE_EXISTING);
        Files.setPosixFilePermissions(busybox, PosixFilePermissions.fromString("rwxr-xr-x"));
        for (String each : APPLETS) Files.createSymbolicLink(tree.resolve("bin").resolve(each), Path.of("busybox"));
    }

    /** Copies a tree with its links. */
    static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> tree = Files.walk(from)) {
            for (Path each : tree.filter(path -> !path.equals(from)).toList()) {
                Path target = to.resolve(from.relativize(each).toString());
                if (Files.isDirectory(each, LinkOption.NOFOLLOW_LINKS)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(each, target, LinkOption.NOFOLLOW_LINKS, StandardCopyOption.COPY_ATTRIBUTES);
                }
            }
        }
    }
}
