package dev.microvm.console;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import dev.microvm.model.ConsoleSpec;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class FifoOutputTest {
    private static final int O_RDONLY_NONBLOCK = 0x800; // include/uapi/asm-generic/fcntl.h

    @TempDir
    private Path folder;

    @SuppressWarnings("NullAway.Init") // set by open
    private Path path;

    @SuppressWarnings("NullAway.Init")
    private OutputStream output;

    @BeforeEach
    void open() throws Exception {
        path = folder.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor())
                .isZero();
        ConsoleEnds ends = ConsoleOpener.of(new ConsoleSpec.ToFile(path)).open("test", () -> {});
        output = Objects.requireNonNull(ends.output());
    }

    @AfterEach
    void close() throws IOException {
        output.close();
    }

    @Test
    void dropsOutput_whileNobodyReads() throws IOException {
        print("lost");
        try (FileDescriptor reader = reader()) {
            print("seen");

            assertThat(read(reader, 100)).isEqualTo("seen");
        }
    }

    @Test
    void continuesWithTheNextReader() throws IOException {
        try (FileDescriptor first = reader()) {
            print("one");
            assertThat(read(first, 100)).isEqualTo("one");
        }
        print("lost");
        try (FileDescriptor second = reader()) {
            print("two");

            assertThat(read(second, 100)).isEqualTo("two");
        }
    }

    @Test
    void waitsForASlowReader() throws Exception {
        String text = "0123456789".repeat(20_000); // more than a pipe holds
        try (FileDescriptor reader = reader()) {
            Thread printing = Thread.ofVirtual().start(() -> print(text));
            StringBuilder seen = new StringBuilder();
            while (seen.length() < text.length()) seen.append(read(reader, 4096));
            printing.join();

            assertThat(seen).hasToString(text);
        }
    }

    @Test
    void leavesOrdinaryFilesAlone() throws IOException {
        assertThat(FifoOutput.isFifo(Files.createFile(folder.resolve("file")))).isFalse();
        assertThat(FifoOutput.isFifo(folder.resolve("nothing"))).isFalse();
        assertThat(FifoOutput.isFifo(path)).isTrue();
    }

    private void print(String text) {
        try {
            output.write(text.getBytes(US_ASCII));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private FileDescriptor reader() {
        return new FileDescriptor(Libc.check("open", Libc.open(path.toString(), O_RDONLY_NONBLOCK)));
    }

    private static String read(FileDescriptor from, int most) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(most);
            long length = Libc.read(from.value(), bytes);
            byte[] read = bytes.asSlice(0, Math.max(0, length)).toArray(ValueLayout.JAVA_BYTE);
            return new String(read, US_ASCII);
        }
    }
}
