package dev.microvm.memory;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What is behind a machine's RAM on the host: data only; a hypervisor opens it as {@link GuestRam}. RAM is one backing,
 * whatever regions the guest sees it in.
 */
public sealed interface RamBacking {
    /** Memory of this process, zeroed. */
    record Anonymous() implements RamBacking {}

    /** Memory that other processes of the host can map too, zeroed: for devices in processes of their own. */
    record Shared() implements RamBacking {}

    /**
     * A private copy of a file's content: the guest starts with it, and what it writes never reaches the file. Pages that
     * it only reads are the page cache's, shared by all machines of the same file.
     *
     * @param file of the RAM's size; nobody may write to it or shorten it while a machine uses it
     */
    record PrivateOf(Path file) implements RamBacking {}

    /** Memory of this process. */
    static RamBacking anonymous() {
        return new Anonymous();
    }

    /** Memory that other processes can map too. */
    static RamBacking shared() {
        return new Shared();
    }

    /** A private copy of a file's content. */
    static RamBacking privateOf(Path file) {
        return new PrivateOf(file);
    }

    /**
     * Why RAM of {@code size} bytes cannot have this backing, as far as that can be seen without opening it; empty if
     * nothing speaks against it.
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
        if (!file.getFileSystem().equals(FileSystems.getDefault())) return "not in a file system of the host";
        if (!Files.exists(file)) return "no such file: give one that holds the content of the RAM";
        if (!Files.isRegularFile(file)) return "not a regular file: give one that holds the content of the RAM";
        if (!Files.isReadable(file)) return "cannot be read: make it readable for this user";
        try {
            long found = Files.size(file);
            if (found == size) return "";
            return "has %d bytes, the RAM %d: give the machine as much memory as the file has bytes"
                    .formatted(found, size);
        } catch (IOException e) {
            return "its size cannot be read: " + e.getMessage();
        }
    }
}
