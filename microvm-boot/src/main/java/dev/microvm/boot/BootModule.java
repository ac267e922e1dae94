package dev.microvm.boot;

import dev.microvm.boot.image.Cancellation;
import dev.microvm.memory.GuestMemory;
import java.nio.file.Path;
import java.util.Objects;

/** A file that a Multiboot kernel finds in memory, with its own command line. */
public final class BootModule {
    private static final String WHAT = "a module";

    private final BootFile contents;
    private final CommandLine cmdline;

    private BootModule(BootFile contents, CommandLine cmdline) {
        this.contents = contents;
        this.cmdline = cmdline;
    }

    /**
     * Makes a module of bytes in memory; the array is not copied.
     *
     * @param cmdline text for the kernel to read with the module; may be empty
     * @throws BootException if the command line has bad characters
     */
    public static BootModule of(byte[] bytes, String cmdline) {
        Objects.requireNonNull(bytes, "bytes");
        Objects.requireNonNull(cmdline, "cmdline");
        return new BootModule(BootFile.of(WHAT, bytes), CommandLine.of(cmdline));
    }

    /**
     * Makes a module of a file, which is read when the guest starts.
     *
     * @param cmdline text for the kernel to read with the module; may be empty
     * @throws BootException if it is not a readable file, or the command line has bad characters
     */
    public static BootModule open(Path file, String cmdline) {
        Objects.requireNonNull(file, "file");
        Objects.requireNonNull(cmdline, "cmdline");
        return new BootModule(BootFile.open(WHAT, file), CommandLine.of(cmdline));
    }

    /** Returns its size in bytes. */
    public long size() {
        return contents.size();
    }

    /** Returns its command line. */
    public String cmdline() {
        return cmdline.toString();
    }

    /** Returns its name for messages: its number, from 1, and its file if it has one. */
    String subject(int number) {
        Path file = contents.file();
        return file == null ? "module " + number : "module %d, %s".formatted(number, file);
    }

    /** Copies it to {@code address}. */
    void load(GuestMemory memory, long address, Cancellation cancellation) {
        contents.load(memory, address, cancellation);
    }
}
