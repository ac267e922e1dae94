package dev.microvm.memory;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Says where a machine's RAM comes from on the host. It is data only; a hypervisor opens it as
 * {@link GuestRam}. All RAM of a machine has one backing, however many regions the guest sees.
 */
public sealed interface RamBacking {
    /** Zeroed memory of this process. */
    record Anonymous() implements RamBacking {}

    /**
     * Zeroed memory that other processes of the host can map, for devices that run in separate
     * processes.
     */
    record Shared() implements RamBacking {}

    /**
     * Zeroed memory of this process in a file without a name, which a fork of the machine maps as it
     * is: so the first fork copies nothing. Without such files, on hosts other than Linux on x86-64,
     * the same as {@link Anonymous}.
     */
    record Forkable() implements RamBacking {}

    /**
     * A private copy of a file's content. The guest starts with the content, and its writes never
     * reach the file. Pages that it only reads stay in the page cache, shared by all machines that
     * use the file.
     *
     * @param file file of exactly the RAM's size; it must not be written or shortened while a
     *     machine uses it
     */
    record PrivateOf(Path file) implements RamBacking {
        /** Refuses null. */
        public PrivateOf {
            Objects.requireNonNull(file, "file");
        }
    }

    /** Returns a backing of zeroed memory of this process. */
    static RamBacking anonymous() {
        return new Anonymous();
    }

    /** Returns a backing of zeroed memory that other processes can map. */
    static RamBacking shared() {
        return new Shared();
    }

    /** Returns a backing of zeroed memory of this process that forks share without a copy. */
    static RamBacking forkable() {
        return new Forkable();
    }

    /** Returns a backing that is a private copy of a file's content. */
    static RamBacking privateOf(Path file) {
        return new PrivateOf(file);
    }

    /**
     * Returns the reasons why RAM of {@code size} bytes cannot have this backing, as far as they
     * can be found without opening it; empty if there is none.
     */
    default List<String> problems(long size) {
        List<String> problems = new ArrayList<>();
        if (size <= 0 || size % GuestMemoryRegion.PAGE_SIZE != 0) {
            problems.add("ram: size must be a multiple of 4 KiB above 0, was %d bytes".formatted(size));
        }
        if (this instanceof PrivateOf copy) {
            String problem = problemOf(copy.file(), size);
            if (!problem.isEmpty()) problems.add("ram: privateOf(" + copy.file() + "): " + problem);
        }
        return problems;
    }

    private static String problemOf(Path file, long size) {
        if (!file.getFileSystem().equals(FileSystems.getDefault()))
            return "not in a file system of the host: give a file of the default file system";
        if (!Files.exists(file)) return "no such file: give one that holds the content of the RAM";
        if (!Files.isRegularFile(file)) return "not a regular file: give one that holds the content of the RAM";
        if (!Files.isReadable(file)) return "cannot be read: make it readable for this user";
        try {
            long found = Files.size(file);
            if (found == size) return "";
            return "has %d bytes, but the RAM has %d: set the memory size to the size of the file"
                    .formatted(found, size);
        } catch (IOException e) {
            return "its size cannot be read: " + e.getMessage();
        }
    }
}
