package dev.microvm.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Results and errors of {@link Libc}, {@link Errno}, {@link ErrnoException} and {@link
 * FileDescriptor}.
 */
final class LibcTest {
    private static final int O_RDWR = 2;

    @Test
    void givesTheNegativeErrorNumber_whenACallFails() {
        assertThat(Libc.open("/no/such/file", O_RDWR)).isEqualTo(-Errno.ENOENT);
        assertThat(Libc.open("/", O_RDWR)).isEqualTo(-Errno.EISDIR);
        assertThat(Libc.close(-1)).isEqualTo(-Errno.EBADF);
        assertThat(Libc.ioctl(-1, 0, 0)).isEqualTo(-Errno.EBADF);
        assertThat(Libc.ioctl(-1, 0, MemorySegment.NULL)).isEqualTo(-Errno.EBADF);
        assertThat(Libc.mmap(0, 0, 0, -1, 0)).isNegative();
        assertThat(Libc.munmap(1, 4096)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void givesTheNegativeErrorNumber_whenReadingAndWritingFail() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(8);

            assertThat(Libc.read(-1, buffer)).isEqualTo(-Errno.EBADF);
            assertThat(Libc.write(-1, buffer)).isEqualTo(-Errno.EBADF);
        }
    }

    @Test
    void saysCallAndReason_whenAFileCannotBeOpened() {
        assertThatExceptionOfType(ErrnoException.class)
                .isThrownBy(() -> FileDescriptor.openReadWrite("/no/such/file"))
                .withMessage("open(/no/such/file): ENOENT (no such file or directory)")
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    }

    @Test
    void saysSize_whenMemoryCannotBeMapped() {
        assertThatExceptionOfType(ErrnoException.class)
                .isThrownBy(() -> MappedMemory.anonymous(1L << 60, Arena.ofAuto()))
                .withMessage("mmap(1152921504606846976 bytes): ENOMEM (out of memory)");
    }

    @Test
    void passesAResultThrough_whenItIsNoError() {
        assertThat(Libc.check("anything", 0)).isZero();
        assertThat(Libc.check("anything", 7)).isEqualTo(7);
    }

    @ParameterizedTest
    @CsvSource({
        "1, EPERM (operation not permitted)",
        "3, ESRCH (no such thread or process)",
        "9, EBADF (bad file descriptor)",
        "13, EACCES (permission denied)",
        "21, EISDIR (is a directory)",
        "22, EINVAL (invalid argument)",
        "25, ENOTTY (not a request this file knows)",
        "4095, errno 4095"
    })
    void namesAnError_whenItIsKnown(int errno, String text) {
        assertThat(Errno.text(errno)).isEqualTo(text);
        assertThat(new ErrnoException("call", errno)).hasMessage("call: " + text);
    }

    @Test
    void keepsErrnoOfEachThread_whenManyFailAtOnce() {
        List<CompletableFuture<Boolean>> callers = IntStream.range(0, 4)
                .mapToObj(i -> CompletableFuture.supplyAsync(() -> IntStream.range(0, 5_000)
                        .allMatch(n -> i % 2 == 0
                                ? Libc.close(-1) == -Errno.EBADF
                                : Libc.open("/no/such/file", O_RDWR) == -Errno.ENOENT)))
                .toList();

        assertThat(callers.stream().map(CompletableFuture::join)).containsOnly(true);
    }

    @Test
    void closesOnce_whenClosedTwice(@TempDir Path directory) throws Exception {
        Path file = Files.createFile(directory.resolve("file"));
        FileDescriptor first = FileDescriptor.openReadWrite(file.toString());
        first.close();
        FileDescriptor second = FileDescriptor.openReadWrite(file.toString()); // likely has the same number

        first.close();

        try (second;
                Arena arena = Arena.ofConfined()) {
            assertThat(Libc.write(second.value(), arena.allocate(8))).isEqualTo(8);
        }
    }

    @Test
    void throws_whenOtherCodeClosedIt() {
        int number = 1_000_000; // above every limit on open files that hosts set by default
        FileDescriptor descriptor = new FileDescriptor(number);

        assertThatIllegalStateException()
                .isThrownBy(descriptor::close)
                .withMessage("file descriptor 1000000 was closed by other code: only its owner may close it");
    }

    @Test
    void givesMemoryBack_whenItsArenaCloses() {
        Arena arena = Arena.ofShared();
        MemorySegment memory = MappedMemory.anonymous(1 << 20, arena);
        memory.fill((byte) 1);
        long address = memory.address();
        arena.close();

        assertThat(mapped(address)).isFalse();
    }

    /**
     * Whether an address is mapped: msync(2) would say it too, but /proc does without another call.
     */
    private static boolean mapped(long address) {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.anyMatch(line -> line.startsWith(Long.toHexString(address) + "-"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
