package dev.microvm.linux;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class StoppableInputTest {
    private static final int O_RDONLY = 0; // include/uapi/asm-generic/fcntl.h

    @TempDir
    private Path folder;

    @Test
    void readsToTheEnd() throws Exception {
        Path file = Files.writeString(folder.resolve("text"), "some text");
        try (FileDescriptor descriptor = open(file);
                StoppableInput input = new StoppableInput(descriptor.value())) {
            assertThat(input.read()).isEqualTo('s');
            assertThat(new String(input.readAllBytes(), US_ASCII)).isEqualTo("ome text");
        }
    }

    @Test
    void ends_whenStoppedWhileItWaits() throws Exception {
        try (EventFd silent = new EventFd();
                StoppableInput input = new StoppableInput(silent.descriptor())) {
            CompletableFuture<Integer> result = new CompletableFuture<>();
            Thread reader = Thread.ofPlatform().start(() -> {
                try {
                    result.complete(input.read());
                } catch (Exception e) {
                    result.completeExceptionally(e);
                }
            });

            input.stop();

            assertThat(result.get(30, TimeUnit.SECONDS)).isEqualTo(-1);
            reader.join();
        }
    }

    @Test
    void readsNothing_whenStoppedBefore() throws Exception {
        Path file = Files.writeString(folder.resolve("text"), "some text");
        try (FileDescriptor descriptor = open(file);
                StoppableInput input = new StoppableInput(descriptor.value())) {
            input.stop();

            assertThat(input.read()).isEqualTo(-1);
        }
    }

    @Test
    void saysWhatFailed_whenTheDescriptorCannotBeRead() {
        try (FileDescriptor descriptor = open(folder);
                StoppableInput input = new StoppableInput(descriptor.value())) {
            assertThatIOException()
                    .isThrownBy(input::read)
                    .withMessageContaining("read")
                    .withMessageContaining("EISDIR");
        }
    }

    @Test
    void findsNoTerminal_behindAFile() throws Exception {
        try (FileDescriptor descriptor = open(Files.createFile(folder.resolve("empty")))) {
            assertThat(RawTerminal.open(descriptor.value())).isEmpty();
        }
    }

    private static FileDescriptor open(Path file) {
        return new FileDescriptor(Libc.check("open", Libc.open(file.toString(), O_RDONLY)));
    }
}
