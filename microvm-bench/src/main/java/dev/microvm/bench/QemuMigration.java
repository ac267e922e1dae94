package dev.microvm.bench;

import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * QEMU's TCG with the guest {@code tick.S}: saves it by a migration to a file, and starts processes
 * that continue from there.
 */
final class QemuMigration {
    private static final int TICK = '.';

    private final Path guest;
    private final int mib;
    private final Path folder;

    /**
     * Makes one.
     *
     * @param guest the kernel
     * @param folder for its file and socket
     */
    QemuMigration(Path guest, int mib, Path folder) {
        this.guest = guest;
        this.mib = mib;
        this.folder = folder;
    }

    private Path file() {
        return folder.resolve("qemu-state");
    }

    private Process qemu(String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                "qemu-system-x86_64",
                "-M",
                "pc",
                "-accel",
                "tcg",
                "-m",
                String.valueOf(mib),
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-chardev",
                "stdio,id=ticks",
                "-device",
                "isa-debugcon,chardev=ticks,iobase=0xe9",
                "-kernel",
                guest.toString()));
        command.addAll(List.of(more));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static void awaitTick(Process process) throws IOException {
        InputStream out = process.getInputStream();
        for (int next = out.read(); next != TICK; next = out.read()) {
            if (next < 0) throw new IOException("QEMU ended before its guest ran");
        }
    }

    /** Lets its guest tick into nothing. */
    private static void drain(Process process) {
        Thread.ofPlatform().daemon().start(() -> {
            try (InputStream out = process.getInputStream()) {
                out.skip(Long.MAX_VALUE);
            } catch (IOException e) {
                // the process has ended
            }
        });
    }

    /** Boots the guest, saves it, and returns how many nanoseconds that took from the command to the answer. */
    long save() throws IOException, InterruptedException {
        Path socket = folder.resolve("qemu-monitor");
        Files.deleteIfExists(socket);
        Process process = qemu("-monitor", "unix:" + socket + ",server=on,wait=off");
        try {
            awaitTick(process);
            drain(process);
            try (SocketChannel monitor = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                monitor.connect(UnixDomainSocketAddress.of(socket));
                awaitPrompt(monitor);
                tell(monitor, "migrate_set_parameter max-bandwidth 100G"); // it is 128 MiB a second otherwise
                // A guest that is stopped before would stay so in the process that continues it.
                long begin = System.nanoTime();
                tell(monitor, "migrate \"exec:cat > %s\"".formatted(file()));
                return System.nanoTime() - begin;
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private static void tell(SocketChannel monitor, String command) throws IOException {
        monitor.write(ByteBuffer.wrap((command + "\n").getBytes(StandardCharsets.US_ASCII)));
        awaitPrompt(monitor);
    }

    /** Reads until the monitor has answered: the prompt is behind the echo of the command. */
    private static void awaitPrompt(SocketChannel monitor) throws IOException {
        StringBuilder answer = new StringBuilder();
        ByteBuffer some = ByteBuffer.allocate(4096);
        while (!answer.toString().endsWith("(qemu) ")) {
            some.clear();
            if (monitor.read(some) < 0) throw new IOException("QEMU's monitor ended: " + answer);
            answer.append(StandardCharsets.US_ASCII.decode(some.flip()));
        }
    }

    /** Starts a process from the file, and returns how many nanoseconds its guest's first tick took. */
    long restore() throws IOException, InterruptedException {
        long begin = System.nanoTime();
        Process process = qemu("-incoming", "exec:cat " + file());
        try {
            awaitTick(process);
            return System.nanoTime() - begin;
        } finally {
            process.destroyForcibly().waitFor();
        }
    }
}
