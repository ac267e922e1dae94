package dev.microvm.cli.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.cli.testing.Microvm;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Monitor, QMP and serial port at Unix sockets, with a tiny guest. */
@Lanes.Engine
@Timeout(60)
final class MonitorEngineTest {
    private static final String NEGOTIATE = "{\"execute\": \"qmp_capabilities\"}";

    @TempDir
    private Path folder;

    private final ExecutorService program = Executors.newSingleThreadExecutor();

    @BeforeEach
    void writeKernel() throws Exception {
        Files.write(folder.resolve("kernel"), TinyKernel.elf());
    }

    @AfterEach
    void endProgram() {
        program.shutdownNow();
    }

    /** Runs it with a guest that does what {@code scenario} says; waits for one who connects to QMP. */
    private Future<Integer> run(String scenario, String options) {
        List<String> words =
                Words.of("-M microvm -accel tcg -m 16 -nodefaults -display none -kernel %1$s/kernel -append %2$s"
                                .formatted(folder, scenario)
                        + " -serial unix:%1$s/serial,server=on,wait=off -monitor unix:%1$s/monitor,server=on,wait=off"
                                .formatted(folder)
                        + " -qmp unix:%1$s/qmp,server=on ".formatted(folder)
                        + options);
        return program.submit(() -> QemuCommand.run(words));
    }

    private SocketClient connect(String name) throws Exception {
        return SocketClient.connect(folder.resolve(name));
    }

    private SocketClient qmp() throws Exception {
        SocketClient client = connect("qmp");
        assertThat(client.await("\r\n")).startsWith("{\"QMP\":{\"version\":{\"qemu\":{");
        assertThat(client.execute(NEGOTIATE)).isEqualTo("{\"return\":{}}");
        return client;
    }

    @Test
    void pausesAndContinues_andTellsIt() throws Exception {
        Future<Integer> exit = run("chat", "-S");
        try (SocketClient qmp = qmp()) {
            assertThat(qmp.execute("{\"execute\": \"query-status\", \"id\": 7}"))
                    .isEqualTo("{\"return\":{\"status\":\"prelaunch\",\"running\":false},\"id\":7}");
            qmp.type("{\"execute\": \"cont\"}");
            assertThat(qmp.await("\r\n")).contains("\"event\":\"RESUME\"").contains("\"timestamp\":{\"seconds\":");
            assertThat(qmp.await("\r\n")).isEqualTo("{\"return\":{}}");
            try (SocketClient serial = connect("serial")) {
                serial.type("abc");
                serial.await("ABC");
            }
            qmp.type("{\"execute\": \"stop\"}");
            assertThat(qmp.await("\r\n")).contains("\"event\":\"STOP\"");
            assertThat(qmp.execute("{\"execute\": \"query-status\"}")).contains("{}");
            assertThat(qmp.execute("{\"execute\": \"query-status\"}")).contains("\"paused\"");
            qmp.type("{\"execute\": \"quit\"}");
            qmp.await("{\"return\":{}}");
            qmp.await("\"event\":\"SHUTDOWN\",\"data\":{\"guest\":false,\"reason\":\"host-qmp-quit\"}}");
        }
        assertThat(exit.get()).isZero();
        assertThat(folder.resolve("qmp")).doesNotExist();
    }

    @Test
    void resetsTheGuest_andTellsIt() throws Exception {
        Future<Integer> exit = run("idle", "");
        try (SocketClient qmp = qmp()) {
            assertThat(qmp.execute("{\"execute\": \"system_reset\"}")).isEqualTo("{\"return\":{}}");
            qmp.await("\"event\":\"RESET\",\"data\":{");
            assertThat(qmp.await("\r\n")).contains("\"guest\":false", "\"reason\":\"host-qmp-system-reset\"");
            qmp.type("{\"execute\": \"system_powerdown\"}");
            qmp.await("\"event\":\"POWERDOWN\"");
            qmp.await("{\"return\":{}}");
            qmp.execute("{\"execute\": \"quit\"}");
        }
        assertThat(exit.get()).isZero();
    }

    @Test
    void saysThatTheGuestResetItself_andStays_whenToldTo() throws Exception {
        Future<Integer> exit = run("keyboard", "-no-reboot -no-shutdown -S");
        try (SocketClient qmp = qmp()) {
            qmp.execute("{\"execute\": \"cont\"}");
            qmp.await("\"event\":\"SHUTDOWN\",\"data\":{");
            assertThat(qmp.await("\r\n")).contains("\"guest\":true", "\"reason\":\"guest-reset\"");
            assertThat(qmp.execute("{\"execute\": \"query-status\"}")).contains("\"shutdown\"");
            assertThat(qmp.execute("{\"execute\": \"cont\"}"))
                    .contains("the guest has shut down, and this machine cannot start again; use quit");
            qmp.execute("{\"execute\": \"quit\"}");
        }
        assertThat(exit.get()).isZero();
    }

    @Test
    void pressesThePowerButton_forCtrlAltDelete() throws Exception {
        Future<Integer> exit = run("idle", "");
        try (SocketClient qmp = qmp()) {
            qmp.type("{\"execute\": \"input-send-event\", \"arguments\": {\"events\": [" + key("ctrl") + ", "
                    + key("alt") + ", " + key("delete") + "]}}");
            qmp.await("\"event\":\"POWERDOWN\"");
            qmp.await("{\"return\":{}}\r\n");
            qmp.type("{\"execute\": \"send-key\", \"arguments\": {\"keys\": [{\"type\": \"qcode\", \"data\": \"ctrl\"},"
                    + " {\"type\": \"qcode\", \"data\": \"alt\"}, {\"type\": \"qcode\", \"data\": \"delete\"}]}}");
            qmp.await("\"event\":\"POWERDOWN\"");
            qmp.await("{\"return\":{}}\r\n");
            assertThat(qmp.execute(
                            "{\"execute\": \"input-send-event\", \"arguments\": {\"events\": [" + key("a") + "]}}"))
                    .contains("there is no keyboard: only ctrl-alt-delete, which presses the power button");
            try (SocketClient monitor = connect("monitor")) {
                monitor.await("(qemu) ");
                monitor.type("sendkey ctrl-alt-delete\n");
                qmp.await("\"event\":\"POWERDOWN\"");
                monitor.await("(qemu) ");
                monitor.type("sendkey a\n");
                monitor.await("Error: there is no keyboard");
            }
            qmp.execute("{\"execute\": \"quit\"}");
        }
        assertThat(exit.get()).isZero();
    }

    private static String key(String name) {
        return "{\"type\": \"key\", \"data\": {\"down\": true, \"key\": {\"type\": \"qcode\", \"data\": \"%s\"}}}"
                .formatted(name);
    }

    @Test
    void continuesInTheBackground() throws Exception {
        Microvm.Result result = new Microvm(folder)
                .run(
                        ("qemu -M microvm -accel tcg -m 16 -nodefaults -display none -daemonize -kernel %1$s/kernel -append idle"
                                        + " -pidfile %1$s/pid -qmp unix:%1$s/qmp,server=on,wait=off")
                                .formatted(folder)
                                .split(" "));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.err()).contains("microvm qemu: runs on engine");
        long pid = Long.parseLong(Files.readString(folder.resolve("pid")).strip());
        ProcessHandle background = ProcessHandle.of(pid).orElseThrow();
        try (SocketClient qmp = qmp()) {
            assertThat(qmp.execute("{\"execute\": \"query-status\"}")).contains("\"running\":true");
            qmp.execute("{\"execute\": \"quit\"}");
        }
        background.onExit().get();
        assertThat(folder.resolve("pid")).doesNotExist();
    }

    @Test
    void failsInTheForeground_ifTheBackgroundCannotStart() throws Exception {
        Microvm.Result result = new Microvm(folder)
                .run(("qemu -M microvm -accel tcg -m 16 -nodefaults -display none -daemonize -kernel %1$s/kernel"
                                + " -qmp unix:%1$s/none/qmp,server=on,wait=off")
                        .formatted(folder)
                        .split(" "));

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err()).contains("microvm qemu: ");
    }

    @Test
    void exitsWithTheGuestsCode() throws Exception {
        Future<Integer> exit = run("exit", "-device isa-debug-exit,iobase=0xf4,iosize=0x04");
        try (SocketClient qmp = connect("qmp")) {
            qmp.await("QMP");
            assertThat(exit.get()).isEqualTo(7 * 2 + 1);
        }
    }

    @Test
    void answersQueries() throws Exception {
        Future<Integer> exit = run("idle", "-smp 2 -name tiny -netdev user,id=u -device virtio-net-device,netdev=u");
        try (SocketClient qmp = qmp()) {
            assertThat(qmp.execute("{\"execute\": \"query-cpus-fast\"}"))
                    .contains("\"cpu-index\":0", "\"cpu-index\":1");
            assertThat(qmp.execute("{\"execute\": \"balloon\"}")).contains("Parameter 'value' is missing");
            assertThat(qmp.execute("{\"execute\": \"balloon\", \"arguments\": {\"value\": \"64M\"}}"))
                    .contains("Invalid parameter type for 'value', expected: integer");
            assertThat(qmp.execute("{\"execute\": \"balloon\", \"arguments\": {\"value\": -1}}"))
                    .contains("Parameter 'value' expects a size");
            assertThat(qmp.execute("{\"execute\": \"query-name\"}")).isEqualTo("{\"return\":{\"name\":\"tiny\"}}");
            assertThat(qmp.execute("{\"execute\": \"query-version\"}")).contains("\"major\":");
            assertThat(qmp.execute("{\"execute\": \"query-block\"}")).isEqualTo("{\"return\":[]}");
            assertThat(qmp.execute("{\"execute\": \"query-kvm\"}")).contains("\"enabled\":false");
            assertThat(qmp.execute("{\"execute\": \"query-commands\"}")).contains("{\"name\":\"query-status\"}");
            assertThat(qmp.execute("{\"execute\": \"nonsense\", \"id\": \"x\"}"))
                    .isEqualTo(
                            "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command nonsense has not been found\"},"
                                    + "\"id\":\"x\"}");
            assertThat(qmp.execute("{\"execute\": \"stop\", \"arguments\": {\"x\": 1}}"))
                    .contains("Parameter 'x' is unexpected");
            assertThat(qmp.execute("nonsense")).contains("JSON parse error");
            assertThat(
                            qmp.execute(
                                    "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"info status\"}}"))
                    .contains("VM status: running");
            qmp.execute("{\"execute\": \"quit\"}");
        }
        assertThat(exit.get()).isZero();
    }

    @Test
    void requiresNegotiation() throws Exception {
        Future<Integer> exit = run("idle", "");
        try (SocketClient qmp = connect("qmp")) {
            qmp.await("\r\n");
            assertThat(qmp.execute("{\"execute\": \"stop\"}")).contains("Expecting capabilities negotiation");
            qmp.execute(NEGOTIATE);
            qmp.execute("{\"execute\": \"quit\"}");
        }
        assertThat(exit.get()).isZero();
    }

    @Test
    void servesOneMonitorAfterAnother() throws Exception {
        Future<Integer> exit = run("idle", "");
        try (SocketClient qmp = qmp()) {
            try (SocketClient monitor = connect("monitor")) {
                monitor.await("type 'help' for more information\r\n(qemu) ");
                monitor.type("info registers\n");
                assertThat(monitor.await("(qemu) ")).contains("CPU#0", "RIP=", "CR0=");
                monitor.type("stop\ninfo status\n");
                monitor.await("VM status: paused");
                monitor.type("info netx\u007fwork\n");
                monitor.await("(qemu) ");
            }
            try (SocketClient monitor = connect("monitor")) {
                monitor.await("(qemu) ");
                monitor.type("info mtree\n");
                monitor.await("0x3f8");
                monitor.type("nonsense\n");
                monitor.await("unknown command: 'nonsense'");
                monitor.type("q\n");
            }
            qmp.await("\"reason\":\"host-qmp-quit\"");
        }
        assertThat(exit.get()).isZero();
    }
}
