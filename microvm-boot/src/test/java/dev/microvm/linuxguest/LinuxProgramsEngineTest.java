package dev.microvm.linuxguest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.testing.DebianPrograms;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.model.ExitReport;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Programs in Linux on the engine: busybox, and Debian's Python, Perl, OpenSSL and C compiler. Each
 * runs by a script of {@code src/test/resources/programs}, in the guest and with the same files on
 * the host, and must print the same.
 */
@Lanes.Engine
@Timeout(1500)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxProgramsEngineTest {
    private static final Duration LIMIT = Duration.ofMinutes(20);
    private static final int READABLE = 0644;
    private static final int DONE = 42;
    private static final int LARGE = 50_000_000;
    private static final int SMALL = 150_000;
    private static final long SEED = 4;

    /** A program, which runs in its own folder. */
    enum Program {
        BUSYBOX("busybox.sh", ""),
        PYTHON("python.sh", "python.py"),
        PERL("perl.sh", "perl.pl"),
        OPENSSL("openssl.sh", ""),
        GCC("gcc.sh", "numbers.c");

        private final String script;
        private final String input;

        Program(String script, String input) {
            this.script = script;
            this.input = input;
        }

        /** Returns the resources that it needs. */
        List<String> files() {
            return input.isEmpty() ? List.of(script) : List.of(script, input);
        }

        String folder() {
            return "/run/" + name();
        }

        /** Returns its output without durations. */
        String comparable(String output) {
            return this == PYTHON ? output.replaceAll("(?m)^(Ran \\d+ tests) in .*$", "$1") : output;
        }
    }

    @SuppressWarnings("NullAway.Init") // set by prepare
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private Path kernel;

    @BeforeAll
    void prepare(@TempDir Path temporary) {
        folder = temporary;
        kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(kernel);
    }

    /**
     * All but Python's, which takes as long as the others together and runs below only; and busybox
     * sums up a file of 50 MB as Java does.
     */
    @Test
    void printTheSameAsOnTheHost_oneAfterAnotherOnOneCpu() throws Exception {
        byte[] data = new byte[LARGE];
        new Random(SEED).nextBytes(data);
        Program[] programs = {Program.BUSYBOX, Program.PERL, Program.OPENSSL, Program.GCC};

        String console = printSameAsOnTheHost(1, "md5sum /large; sha256sum /large\n", Map.of("/large", data), programs);

        assertThat(console).contains(hex("MD5", data) + "  /large").contains(hex("SHA-256", data) + "  /large");
    }

    @Test
    void printTheSameAsOnTheHost_whenAllRunAtOnceOnTwoCpus() throws Exception {
        printSameAsOnTheHost(2, "", Map.of(), Program.values());
    }

    /** Runs programs, on one CPU in turn and on more at once, and then {@code last}; returns all output. */
    private String printSameAsOnTheHost(int vcpus, String last, Map<String, byte[]> more, Program... programs)
            throws IOException, GeneralSecurityException {
        Initramfs.Builder files = LinuxGuest.files();
        StringBuilder start = new StringBuilder();
        StringBuilder show = new StringBuilder();
        List<String> expected = new ArrayList<>();
        for (Program program : programs) {
            Path place = Files.createDirectories(folder.resolve(vcpus + program.name()));
            writeFiles(program, place);
            for (Path file : list(place)) files.file(program.folder() + "/" + file.getFileName(), file, READABLE);
            expected.add(program.comparable(DebianPrograms.runOnHost(place, program.script)));
            start.append("(cd %s; exec $BUSYBOX sh %s > /run/%s.txt 2>&1 < /dev/null)%s\n"
                    .formatted(program.folder(), program.script, program, vcpus > 1 ? " &" : ""));
            show.append("echo '<%s>'; cat /run/%s.txt; echo '</%s>'\n".formatted(program, program, program));
        }
        DebianPrograms.addTo(files);
        more.forEach((path, content) -> files.file(path, content, READABLE));
        String commands = DebianPrograms.guestEnvironment() + "mkdir -p /tmp; chmod 1777 /tmp; dmesg -n 1\n" + start
                + "wait\n" + show + last + "vm-exit %d\n".formatted(DONE);

        String console = run(files.init(LinuxGuest.init(commands)).build(), vcpus);

        for (int i = 0; i < programs.length; i++) {
            assertThat(programs[i].comparable(between(console, programs[i].name())))
                    .as("%s on %d CPUs", programs[i], vcpus)
                    .isEqualTo(expected.get(i));
        }
        return console;
    }

    private String run(Initramfs initramfs, int vcpus) {
        try (MicroVm vm = MicroVm.builder()
                .name("programs")
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(kernel)
                .initrd(initramfs)
                .vcpus(vcpus)
                .memoryMiB(1024)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1 cryptomgr.notests")
                .start()) {
            ExitReport report = vm.awaitExit(LIMIT);
            String text = vm.console().text().replace("\r\n", "\n");
            assertThat(report.exitCode()).as(text).isEqualTo(OptionalInt.of(DONE));
            return text;
        }
    }

    /** Writes the program's files and their input, equal for guest and host and in each run. */
    private static void writeFiles(Program program, Path place) throws IOException, GeneralSecurityException {
        for (String name : program.files()) Files.write(place.resolve(name), DebianPrograms.resource(name));
        byte[] data = mixed();
        Files.write(place.resolve("data"), data);
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(place.resolve("java.gz")))) {
            out.write(data);
        }
        if (program != Program.OPENSSL) return;
        writeKey(place.resolve("rsa.pem"), "RSA", null);
        writeKey(place.resolve("ec.pem"), "EC", new ECGenParameterSpec("secp256r1"));
        writeKey(place.resolve("ed25519.pem"), "Ed25519", null);
        writeKey(place.resolve("ed448.pem"), "Ed448", null);
    }

    /** Returns pages of noise and of repeated text in turn, so that compressing them is work. */
    private static byte[] mixed() {
        Random random = new Random(SEED);
        byte[] data = new byte[SMALL];
        random.nextBytes(data);
        for (int i = 0; i < SMALL; i++) {
            if ((i >> 12 & 1) != 0) data[i] = (byte) ('a' + (i % 97 & 15) + (data[i] & 1));
        }
        return data;
    }

    private static void writeKey(Path file, String algorithm, @Nullable AlgorithmParameterSpec parameters)
            throws IOException, GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
        if (parameters != null) generator.initialize(parameters);
        String encoded = Base64.getMimeEncoder()
                .encodeToString(generator.generateKeyPair().getPrivate().getEncoded());
        Files.writeString(file, "-----BEGIN PRIVATE KEY-----\n" + encoded + "\n-----END PRIVATE KEY-----\n");
    }

    private static List<Path> list(Path place) throws IOException {
        try (var files = Files.list(place)) {
            return files.sorted().toList();
        }
    }

    private static String between(String console, String name) {
        var matcher = Pattern.compile("<%s>\n(.*)</%s>\n".formatted(name, name), Pattern.DOTALL)
                .matcher(console);
        assertThat(matcher.find()).as(console).isTrue();
        return matcher.group(1);
    }

    private static String hex(String algorithm, byte[] data) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(data));
    }
}
