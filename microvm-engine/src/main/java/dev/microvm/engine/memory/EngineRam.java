package dev.microvm.engine.memory;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.LinuxHost;
import dev.microvm.linux.MappedMemory;
import dev.microvm.linux.MemoryFile;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the RAM of one machine by what a JVM has on every host, and anonymous RAM better where the
 * host is Linux. Not thread-safe: its machine guards it.
 */
public final class EngineRam implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EngineRam.class);

    /** Where Linux keeps files that are memory only: shm_overview(7). */
    private static final Path MEMORY_FILES = Path.of("/dev/shm");

    private final String name;
    private final Arena arena;
    private final List<Path> files = new ArrayList<>();
    private final List<MemoryFile> memoryFiles = new ArrayList<>();

    /**
     * Makes one that has nothing open yet.
     *
     * @param name of the machine
     * @param arena in which all memory lives
     */
    public EngineRam(String name, Arena arena) {
        this.name = name;
        this.arena = arena;
    }

    /** Opens RAM; throws {@link HypervisorException} if the host refuses. */
    public GuestRam open(RamBacking backing, long size) {
        List<String> problems = backing.problems(size);
        if (!problems.isEmpty()) throw new HypervisorException(String.join("; ", problems));
        try {
            return switch (backing) {
                case RamBacking.Anonymous anonymous -> new GuestRam(anonymous(size));
                case RamBacking.Shared shared -> shared(size);
                case RamBacking.Forkable forkable -> forkable(size);
                case RamBacking.PrivateOf copy -> new GuestRam(privateOf(copy.file(), size));
            };
        } catch (IOException | ErrnoException e) {
            throw new HypervisorException("ram: the host refuses %d bytes: %s".formatted(size, e), e);
        }
    }

    /**
     * Zeroed memory. A JVM's own clears it at once, and so takes all of it from the host; Linux
     * gives memory when it is touched.
     */
    private MemorySegment anonymous(long size) {
        return linuxOnX86() ? MappedMemory.anonymous(size, arena) : arena.allocate(size, PAGE_SIZE);
    }

    /** Our calls of Linux are tried on x86-64 alone. */
    private static boolean linuxOnX86() {
        return LinuxHost.isX86() && LinuxHost.usable();
    }

    private GuestRam forkable(long size) {
        if (!linuxOnX86()) return new GuestRam(anonymous(size));
        MemoryFile file = new MemoryFile("microvm-" + name + "-ram", size);
        memoryFiles.add(file);
        return new GuestRam(file.map(arena), Optional.of(file.path()));
    }

    private GuestRam shared(long size) throws IOException {
        Path file = Files.createTempFile(roomFor(size), "microvm-" + name + "-", ".ram"); // for this user only
        files.add(file);
        return new GuestRam(map(file, MapMode.READ_WRITE, size), Optional.of(file));
    }

    /**
     * A directory with room for a file of that size, so that the guest does not find the end of it.
     */
    private static Path roomFor(long size) throws IOException {
        if (Files.isWritable(MEMORY_FILES) && room(MEMORY_FILES) >= size) return MEMORY_FILES;
        Path directory = Path.of(System.getProperty("java.io.tmpdir"));
        long room = room(directory);
        if (room >= size) return directory;
        throw new HypervisorException(
                "ram: shared() needs a file of %d bytes, and %s has room for %d: free some, name another directory (-Djava.io.tmpdir), or give the machine less memory"
                        .formatted(size, directory, room));
    }

    private static long room(Path directory) throws IOException {
        return Files.getFileStore(directory).getUsableSpace();
    }

    private MemorySegment privateOf(Path file, long size) throws IOException {
        if (linuxOnX86()) return MappedMemory.privateOf(file, size, arena);
        // Java maps privately only what it could write to.
        return Files.isWritable(file) ? map(file, MapMode.PRIVATE, size) : copyOf(file, size);
    }

    private MemorySegment map(Path file, MapMode mode, long size) throws IOException {
        try (FileChannel channel = FileChannel.open(file, READ, WRITE)) {
            return channel.map(mode, 0, size, arena); // makes a new file as long as that
        }
    }

    private MemorySegment copyOf(Path file, long size) throws IOException {
        MemorySegment ram = anonymous(size);
        try (FileChannel channel = FileChannel.open(file, READ);
                Arena meanwhile = Arena.ofConfined()) {
            ram.copyFrom(channel.map(MapMode.READ_ONLY, 0, size, meanwhile));
        }
        return ram;
    }

    /**
     * Removes the files; call it when the arena is closed, as a file that is mapped cannot be
     * removed everywhere.
     */
    @Override
    public void close() {
        memoryFiles.forEach(MemoryFile::close);
        for (Path file : files) {
            try {
                Files.deleteIfExists(file);
            } catch (IOException e) {
                log.warn("ram of machine {}: {} stays: {}", name, file, e.toString());
            }
        }
    }
}
