package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** The command takes everything after {@code qemu} as it is, and prints help as QEMU does. */
final class QemuCommandTest {
    private final PrintStream out = System.out;
    private final PrintStream err = System.err;
    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
    private final ByteArrayOutputStream errors = new ByteArrayOutputStream();

    @BeforeEach
    void catchOutput() {
        System.setOut(new PrintStream(printed, true, UTF_8));
        System.setErr(new PrintStream(errors, true, UTF_8));
    }

    @AfterEach
    void restoreOutput() {
        System.setOut(out);
        System.setErr(err);
    }

    private static int execute(String... arguments) {
        return new CommandLine(new QemuCommand()).execute(arguments);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "-h                             | usage: microvm qemu [options]",
                "--help                         | -no-shutdown",
                "-version                       | QEMU emulator version",
                "-M help                        | microvm              microvm (i386)",
                "-M microvm,help                | pit=on|off|auto",
                "-device help                   | name \"virtio-blk-device\"",
                "-device virtio-net-device,help | mac=ADDRESS",
                "-netdev help                   | user",
                "-chardev help                  | socket",
                "-object help                   | rng-random",
                "-accel help                    | tcg",
                "-cpu help                      | avx2",
            })
    void printsHelp(String line, String expected) {
        assertThat(execute(line.split(" +", -1))).isZero();
        assertThat(printed.toString(UTF_8)).contains(expected);
        assertThat(errors.toString(UTF_8)).isEmpty();
    }

    @Test
    void saysWhatIsWrong_andReturnsOne() {
        assertThat(execute("-append", "", "--", "-device", "virtio-blk-pci,drive=d", "-no-such-flag"))
                .isEqualTo(1);
        assertThat(errors.toString(UTF_8).lines())
                .contains(
                        "microvm qemu: -device virtio-blk-pci,drive=d: there is no PCI, unlike in QEMU's standard machine;"
                                + " use -device virtio-blk-device with the same properties",
                        "microvm qemu: -no-such-flag: there is no such flag; -h shows those that there are");
        assertThat(printed.toString(UTF_8)).isEmpty();
    }
}
