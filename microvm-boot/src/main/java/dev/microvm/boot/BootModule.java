package dev.microvm.boot;

import dev.microvm.memory.GuestMemory;
import java.nio.file.Path;

/** A file that a Multiboot kernel finds in memory beside itself, with a command line of its own. */
public final class BootModule {
    private static final String WHAT = "a module";

    private final BootFile contents;
    private final CommandLine cmdline;

    private BootModule(BootFile contents, CommandLine cmdline) {
        this.contents = contents;
        this.cmdline = cmdline;
    }

    /**
     * One that is in memory; the array is not copied.
     *
     * @param cmdline for the kernel to read; may be empty
     * @throws BootException if the command line has bad characters
     */
    public static BootModule of(byte[] bytes, String cmdline) {
        return new BootModule(BootFile.of(WHAT, bytes), CommandLine.of(cmdline));
    }

    /**
     * One that is a file, which is read when the guest starts.
     *
     * @param cmdline for the kernel to read; may be empty
     * @throws BootException if it is not a file that can be read, or the command line has bad characters
     */
    public static BootModule open(Path file, String cmdline) {
        return new BootModule(BootFile.open(WHAT, file), CommandLine.of(cmdline));
    }

    /** Its size in bytes. */
    public long size() {
        return contents.size();
    }

    /** What the kernel can read about it. */
    public String cmdline() {
        return cmdline.toString();
    }

    /** What it is in messages: its number, from 1, and its file if it has one. */
    String subject(int number) {
        Path file = contents.file();
        return file == null ? "module " + number : "module %d, %s".formatted(number, file);
    }

    /** Copies it to {@code address}. */
    void load(GuestMemory memory, long address) {
        contents.load(memory, address);
    }
}
