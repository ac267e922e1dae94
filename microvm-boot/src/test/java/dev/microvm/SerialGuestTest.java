package dev.microvm;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.testing.Lanes;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The back ends of the serial port, with a tiny kernel on this machine's KVM. */
@Lanes.TinyGuests
@Timeout(120)
final class SerialGuestTest {
    private static final Duration SOON = Duration.ofSeconds(60);

    @TempDir
    private Path folder;

    @Test
    void writesTheConsoleToAFile_insteadOfWhatWasInIt() throws Exception {
        Path file = Files.writeString(folder.resolve("console.log"), "a longer text than the guest prints");
        try (MicroVm vm =
                TinyKernel.on(folder, "exit").serial(ConsoleTarget.file(file)).start()) {
            vm.awaitExit(SOON);
            assertThat(vm.console().text()).as("kept as well").isEqualTo("tiny kernel\n");
        }
        assertThat(file).hasContent("tiny kernel\n");
    }

    @Test
    void startsNothing_whenTheFileCannotBeWritten() throws Exception {
        Path file = folder.resolve("gone/console.log");
        Files.createDirectory(folder.resolve("gone"));
        try (MicroVm vm =
                TinyKernel.on(folder, "exit").serial(ConsoleTarget.file(file)).build()) {
            Files.delete(folder.resolve("gone"));
            assertThatExceptionOfType(MicroVmException.class)
                    .isThrownBy(vm::start)
                    .withMessageContaining("serial: cannot write " + file);
            assertThat(vm.state()).isEqualTo(VmState.NEW);
        }
    }

    @Test
    void talksToAPairOfStreams() {
        InputStream from = new ByteArrayInputStream("what is said.".getBytes(US_ASCII));
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        try (MicroVm vm = TinyKernel.on(folder, "chat")
                .serial(ConsoleTarget.streams(from, to))
                .start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
        }
        assertThat(to.toString(US_ASCII)).isEqualTo("tiny kernel\nWHAT IS SAID");
    }

    @Test
    void takesWhatIsTypedOnTheConsole_besideAStream() throws Exception {
        try (OutputStream keys = new PipedOutputStream();
                InputStream from = new PipedInputStream((PipedOutputStream) keys);
                MicroVm vm = TinyKernel.on(folder, "chat")
                        .serial(ConsoleTarget.streams(from, OutputStream.nullOutputStream()))
                        .start()) {
            keys.write("one ".getBytes(US_ASCII));
            vm.console().awaitText("ONE ", SOON);
            vm.console().type("two.");
            assertThat(vm.console().awaitText("TWO", SOON)).isEqualTo("TWO");
        }
    }

    @Test
    void endsItsThreads_whenTheStreamBringsNothing() throws Exception {
        try (OutputStream keys = new PipedOutputStream();
                InputStream from = new PipedInputStream((PipedOutputStream) keys)) {
            TinyKernel.on(folder, "spin")
                    .name("silent")
                    .serial(ConsoleTarget.streams(from, OutputStream.nullOutputStream()))
                    .start()
                    .close();
            while (threadRuns("microvm-silent-")) Thread.sleep(1); // bounded by the class's time-out
        }
    }

    @Test
    void continues_whenTheOutputFails() {
        OutputStream broken = new PipedOutputStream(); // connected to nothing
        try (MicroVm vm = TinyKernel.on(folder, "exit").serial(broken).start()) {
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.EXIT_PORT);
            assertThat(vm.console().text()).isEqualTo("tiny kernel\n");
        }
    }

    @Test
    void losesNothing_whenBothDirectionsAreFull() {
        String sent = randomLetters(64 << 10);
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        try (MicroVm vm = TinyKernel.on(folder, "chat")
                .serial(ConsoleTarget.streams(new ByteArrayInputStream((sent + ".").getBytes(US_ASCII)), to))
                .start()) {
            assertThat(vm.awaitExit(Duration.ofSeconds(100)).reason()).isEqualTo(Reason.EXIT_PORT);
        }
        assertThat(to.toString(US_ASCII)).isEqualTo("tiny kernel\n" + sent.toUpperCase(Locale.ROOT));
    }

    private static String randomLetters(int count) {
        Random random = new Random(1);
        StringBuilder letters = new StringBuilder();
        for (int i = 0; i < count; i++) letters.append((char) ('a' + random.nextInt(26)));
        return letters.toString();
    }

    private static boolean threadRuns(String prefix) {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().startsWith(prefix));
    }
}
