package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVmBuilder;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Debian's kernel with the agent as init, and busybox. */
final class AgentGuest {
    private static final List<String> MODULES = List.of("virtio_mmio", "vmw_vsock_virtio_transport");

    /** The programs that tests use. */
    static final List<String> APPLETS = ("sh cat echo id ls pwd sleep kill killall pidof yes tty stty wc head dd mkfifo"
                    + " md5sum sha256sum seq tar find mkdir rm touch ln chmod nc wget httpd hostname date true false"
                    + " printf tail dmesg mount df free ps stat test reboot usleep env sync ip ifconfig")
            .transform(names -> List.of(names.split(" ")));

    private AgentGuest() {}

    /** Describes a machine, with its kernel unpacked into {@code folder}. */
    static MicroVmBuilder machine(Path folder) {
        return TestMachine.builder()
                .kernel(LinuxGuest.kernel(folder))
                .initrd(init().build())
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k panic=-1")
                .virtioVsock(3);
    }

    /** Begins an initial file system with busybox and further modules. */
    static AgentInit init(String... modules) {
        List<String> names = new ArrayList<>(MODULES);
        names.addAll(List.of(modules));
        AgentInit init = AgentInit.builder().modules(GuestFiles.file("cloud/modules"), release(), names);
        init.files().file("/bin/busybox", GuestFiles.file("busybox"), 0755);
        APPLETS.forEach(applet -> init.files().symlink("/bin/" + applet, "busybox"));
        return init;
    }

    /** Makes a root of busybox and its programs, as a directory of the host, or returns the one that is there. */
    static Path tree(Path folder) throws IOException {
        Path tree = folder.resolve("tree");
        if (Files.exists(tree)) return tree;
        for (String each : new String[] {"bin", "proc", "sys", "dev", "tmp", "run", "etc"}) {
            Files.createDirectories(tree.resolve(each));
        }
        Path busybox = Files.copy(GuestFiles.file("busybox"), tree.resolve("bin/busybox"));
        assertThat(busybox.toFile().setExecutable(true)).isTrue();
        for (String applet : APPLETS)
            Files.createSymbolicLink(tree.resolve("bin").resolve(applet), Path.of("busybox"));
        return tree;
    }

    private static String release() {
        try {
            return Files.readString(GuestFiles.file("cloud/release")).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
