package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.MicroVm;
import dev.microvm.error.MicroVmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A machine that runs for a command line, with its character devices and monitors. */
final class Session implements AutoCloseable {
    private static final long LAST_OUTPUT_MS = 5000;

    private final Invocation command;
    private final Map<String, Channel> channels = new LinkedHashMap<>();
    private final List<Thread> outputs = new ArrayList<>();
    private final MicroVm vm;
    private final Control control;
    private boolean closed;

    private Session(Invocation command) {
        this.command = command;
        if (!command.debugConsole.isEmpty()) command.vm.firmwareLog(this::debugLine);
        this.vm = command.vm.build();
        this.control = new Control(vm, command);
    }

    /**
     * Runs a command line that has no problems, until the machine ends or is told to.
     *
     * @return the exit code
     */
    static int run(Invocation command) throws IOException, InterruptedException {
        try (Session session = new Session(command)) {
            Thread hook = new Thread(session::terminate, "microvm-qemu-exit");
            Runtime.getRuntime().addShutdownHook(hook);
            try {
                session.start();
                return session.await();
            } catch (IOException | MicroVmException e) {
                System.err.println("microvm qemu: " + explained(e));
                return ExitCodes.FAILURE;
            } finally {
                removeHook(hook);
            }
        }
    }

    /** What the library says, with the flag for what it calls a method. */
    private static String explained(Exception failure) {
        String text = String.valueOf(failure.getMessage());
        return text.contains("backing()")
                ? text + "; that is -drive ...,backing.driver=raw|qcow2,backing.file.filename=FILE here"
                : text;
    }

    private static void removeHook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the JVM is exiting: the hook runs, to the same effect
        }
    }

    /** The guest runs only when all that it talks to is there. */
    private void start() throws IOException {
        if (command.pidFile != null) {
            Files.write(command.pidFile, (ProcessHandle.current().pid() + "\n").getBytes(UTF_8));
        }
        for (Map.Entry<String, Chardev> each : command.chardevs.entrySet()) {
            channels.put(each.getKey(), open(each.getKey(), each.getValue()));
        }
        System.err.println("microvm qemu: runs on " + vm.hypervisor() + ": " + vm.hypervisorReason());
        vm.startPaused();
        for (Map.Entry<String, Channel> each : channels.entrySet()) {
            List<Channel.User> users = users(each.getKey(), each.getValue());
            if (users.isEmpty()) continue;
            boolean shared = mayBeShared(each.getKey());
            each.getValue()
                    .start(shared ? new Mux(users, each.getValue(), () -> control.quit("host-ui")) : users.getFirst());
        }
        if (!command.startPaused) control.cont();
        if (command.daemonize) Background.tellStarted();
    }

    private boolean mayBeShared(String id) {
        Chardev chardev = command.chardevs.get(id);
        return chardev != null && chardev.mux;
    }

    private Channel open(String id, Chardev chardev) throws IOException {
        return switch (chardev.kind) {
            case NULL -> FileSink.toNothing();
            case FILE -> FileSink.to(Path.of(chardev.path), chardev.append);
            case STDIO -> new StdioChannel(chardev.signal, () -> control.quit("host-signal"));
            case SOCKET -> SocketChannelEnd.open(chardev);
            case PTY -> {
                PtyChannel pty = new PtyChannel();
                System.err.println("char device redirected to " + pty.name() + " (label " + id + ")");
                yield pty;
            }
        };
    }

    /** The guest first: it has the input until Ctrl-A c. */
    private List<Channel.User> users(String id, Channel channel) {
        List<Channel.User> users = new ArrayList<>();
        for (Invocation.Connection each : command.connections) {
            if (!each.chardev().equals(id)) continue;
            GuestUser guest =
                    new GuestUser(each.port().equals(Invocation.SERIAL) ? vm.console() : vm.port(each.port()));
            outputs.add(guest.copyTo(channel));
            users.add(guest);
        }
        for (Invocation.MonitorWish each : command.monitors) {
            if (!each.chardev().equals(id)) continue;
            users.add(each.qmp() ? new QmpServer(channel, control, each.pretty()) : new HumanMonitor(channel, control));
        }
        return users;
    }

    private void debugLine(String line) {
        Channel channel = channels.get(command.debugConsole);
        if (channel == null) return;
        byte[] bytes = (line + "\n").getBytes(UTF_8);
        try {
            channel.write(bytes, 0, bytes.length);
        } catch (IOException e) {
            // the other side has gone; firmware continues
        }
    }

    private int await() throws InterruptedException {
        int code = control.exit().join();
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(LAST_OUTPUT_MS);
        for (Thread each : outputs) {
            each.join(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
        }
        return code;
    }

    /** On a signal: QEMU ends its guest, too. */
    private void terminate() {
        control.quit("host-signal");
        close();
    }

    /** Whoever comes second waits until everything is closed, such as a JVM that exits. */
    @Override
    public synchronized void close() {
        if (closed) return;
        closed = true;
        channels.values().forEach(Channel::close);
        vm.close();
        try {
            if (command.pidFile != null) Files.deleteIfExists(command.pidFile);
        } catch (IOException e) {
            System.err.println("microvm qemu: -pidfile " + command.pidFile + ": " + e.getMessage());
        }
    }
}
