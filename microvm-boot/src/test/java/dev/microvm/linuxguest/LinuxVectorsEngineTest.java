package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.DebianPrograms;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.model.ExitReport;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Vector instructions in Linux on the engine: the kernel's ciphers and checksums test themselves
 * when they are loaded, and a program made for x86-64-v3 prints what it prints on the host.
 */
@Lanes.Engine
@Timeout(600)
final class LinuxVectorsEngineTest {
    private static final Duration LIMIT = Duration.ofMinutes(8);
    private static final int DONE = 42;
    private static final int EXECUTABLE = 0755;
    private static final String SOURCE = "vectors.c";

    /** AES-NI, PCLMULQDQ, AVX and AVX2, each with the tests of the kernel's crypto/testmgr.c. */
    private static final String[] CIPHERS = {
        "aesni-intel",
        "ghash-clmulni-intel",
        "crct10dif-pclmul",
        "sha1-ssse3",
        "sha256-ssse3",
        "sha512-ssse3",
        "chacha-x86_64",
        "serpent-avx2"
    };

    /** What a compiler's x86-64-v3 is made of, beside SSE4.2, in names of /proc/cpuinfo. */
    private static final Set<String> VERSION_3 = Set.of("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe");

    @Test
    void passesTheKernelsTests_andRunsWhatIsMadeForVectors(@TempDir Path folder) throws Exception {
        Path program = compile(folder);
        String expected = run(List.of(program.toString()));
        Initramfs initramfs =
                LinuxGuest.build(LinuxGuest.files(CIPHERS).file("/vectors", program, EXECUTABLE), """
                        grep -m1 ^flags /proc/cpuinfo
                        grep -e ^driver -e ^selftest /proc/crypto
                        echo '<vectors>'; /vectors; echo '</vectors>'
                        vm-exit %d
                        """.formatted(DONE));

        String console = boot(folder, initramfs);

        assertThat(console)
                .contains(VERSION_3.stream().map(each -> " " + each + " ").toList());
        assertThat(console)
                .contains(
                        "sha256-avx2", "sha1-avx2", "sha256-ni", "__xts-aes-aesni", "serpent", "selftest     : passed")
                .doesNotContain("selftest     : unknown", "alg: ", "Call Trace");
        assertThat(console).contains("<vectors>\n" + expected + "</vectors>\n");
    }

    /** Compiles the program, or skips the test where it cannot be made or would not run. */
    private static Path compile(Path folder) throws IOException, InterruptedException {
        Path information = Path.of("/proc/cpuinfo");
        assumeTrue(Files.isReadable(information), "needs Linux");
        Set<String> flags = Set.of(Files.readString(information)
                .lines()
                .filter(line -> line.startsWith("flags"))
                .findFirst()
                .orElse("")
                .split(" "));
        assumeTrue(flags.containsAll(VERSION_3), "needs a processor of x86-64-v3");
        Path source = Files.write(folder.resolve(SOURCE), DebianPrograms.resource(SOURCE));
        Path program = folder.resolve("vectors");
        run(List.of("gcc", "-O3", "-march=x86-64-v3", "-static", "-o", program.toString(), source.toString(), "-lm"));
        return program;
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            assumeTrue(false, "needs " + command.getFirst());
            throw e;
        }
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    private static String boot(Path folder, Initramfs initramfs) {
        try (MicroVm vm = MicroVm.builder()
                .name("vectors")
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(LinuxGuest.kernel(folder))
                .initrd(initramfs)
                .memoryMiB(512)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1")
                .start()) {
            ExitReport report = vm.awaitExit(LIMIT);
            String text = vm.console().text().replace("\r\n", "\n");
            assertThat(report.exitCode()).as(text).isEqualTo(OptionalInt.of(DONE));
            return text;
        }
    }
}
