package dev.microvm.backend.fs.host;

import static dev.microvm.backend.fs.host.HostFlags.*;
import static dev.microvm.linux.Errno.EINVAL;
import static dev.microvm.linux.Errno.ELOOP;
import static dev.microvm.linux.Errno.ENFILE;
import static dev.microvm.linux.Errno.ESTALE;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.error.MicroVmException;
import dev.microvm.limits.Budget;
import dev.microvm.linux.FileStat;
import dev.microvm.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The files that the guest knows, and how each is found again on the host: from the root, which
 * stays open, name by name, by descriptors that follow no link. For one thread.
 */
final class Nodes {
    /** Most nodes that the guest may know, besides the root: some 40 MiB of heap. */
    static final int MOST = 1 << 18;

    private static final int MOST_DEPTH = 2048; // directories: PATH_MAX in names of one character
    private static final int NAME_MAX = 255; // include/uapi/linux/limits.h
    private static final int LOOKUPS_AFTER_ESTALE = 32; // up to two for each directory of the path
    private static final byte[] PROC = "/proc/self/fd/".getBytes(StandardCharsets.US_ASCII);
    private static final int LONGEST_NUMBER = 10; // digits of an int

    private final NodeTable table = new NodeTable(MOST);
    private final DescriptorCache cache;
    private final Node root = new Node();
    private final FileStat found = new FileStat();
    private int keptOpen; // so many of the next lookups open what they find
    private @Nullable Node[] way = new @Nullable Node[16]; // from a node up to one that is open
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment nameBuffer = arena.allocate(NAME_MAX + 1L);
    private final MemorySegment procBuffer = arena.allocate(PROC.length + LONGEST_NUMBER + 1L);

    private Nodes(DescriptorCache cache) {
        this.cache = cache;
        MemorySegment.copy(PROC, 0, procBuffer, JAVA_BYTE, 0, PROC.length);
    }

    /**
     * Opens the root.
     *
     * @throws MicroVmException if it is not a directory or cannot be opened
     */
    static Nodes at(Path directory, Budget budget) {
        int fd = Libc.check(
                "open(" + directory + ")", Libc.open(directory.toString(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        Nodes nodes = new Nodes(new DescriptorCache(budget, "share " + directory));
        nodes.root.fd = fd;
        int done = nodes.found.read(fd);
        if (done < 0) {
            nodes.close();
            Libc.check("statx(" + directory + ")", done);
        }
        nodes.root.file.set(nodes.found);
        nodes.table.add(nodes.root);
        return nodes;
    }

    DescriptorCache cache() {
        return cache;
    }

    /** The node of a number that the guest gave; null if it knows no such. */
    @Nullable
    Node get(long id) {
        return table.get(id);
    }

    /** How many nodes there are. */
    int size() {
        return table.size();
    }

    /** Returns whether two files are on the file system of the root. */
    boolean onRootsDevice(FileStat stat) {
        return stat.device() == root.file.device;
    }

    // ---- descriptors

    /**
     * Returns a descriptor of a node, opened with O_PATH, or {@code -errno}. It stays open until the
     * next call but one, or as long as the node is {@linkplain Node#pins pinned}.
     */
    int descriptor(Node node) {
        node.recent = true;
        if (node.isOpen()) return node.fd;
        OpenFile open = node.files;
        if (open != null) return open.fd;
        int depth = 0;
        for (Node at = node; !at.isOpen(); at = Objects.requireNonNull(at.parent)) {
            if (depth == MOST_DEPTH) return -ELOOP;
            if (depth == way.length) way = Arrays.copyOf(way, 2 * depth);
            way[depth++] = at;
        }
        int fd = root.fd;
        while (depth > 0) {
            Node next = Objects.requireNonNull(way[--depth]);
            Node parent = Objects.requireNonNull(next.parent);
            parent.pins++;
            fd = cache.open(next, parent.fd, cString(next.name));
            parent.pins--;
            if (fd == -ESTALE) keptOpen = LOOKUPS_AFTER_ESTALE;
            if (fd < 0) return fd;
        }
        return fd;
    }

    private MemorySegment cString(byte[] name) {
        MemorySegment.copy(name, 0, nameBuffer, JAVA_BYTE, 0, name.length);
        nameBuffer.set(JAVA_BYTE, name.length, (byte) 0);
        return nameBuffer;
    }

    /** Returns the path by which Linux opens what a descriptor is of, whatever its name is by now. */
    MemorySegment path(int fd) {
        int digits = fd < 10 ? 1 : (int) Math.log10(fd) + 1;
        int left = fd;
        for (int at = PROC.length + digits; at > PROC.length; left /= 10) {
            procBuffer.set(JAVA_BYTE, --at, (byte) ('0' + left % 10));
        }
        procBuffer.set(JAVA_BYTE, (long) PROC.length + digits, (byte) 0);
        return procBuffer;
    }

    // ---- names

    /**
     * Returns 0 if a C string can be the name of a file in a directory, otherwise {@code -EINVAL}:
     * nothing that leads elsewhere.
     */
    static int checkName(MemorySegment name) {
        int first = name.get(JAVA_BYTE, 0);
        if (first == 0) return -EINVAL;
        int length = 0;
        boolean dots = true;
        for (int each = first; each != 0; each = name.get(JAVA_BYTE, ++length)) {
            if (each == '/' || length == NAME_MAX) return -EINVAL;
            dots &= each == '.';
        }
        return dots && length <= 2 ? -EINVAL : 0;
    }

    /**
     * Returns the descriptor of a directory in which the guest names a file, or {@code -errno}.
     *
     * @param name a C string, checked here
     */
    int directory(long id, MemorySegment name) {
        int wrong = checkName(name);
        if (wrong < 0) return wrong;
        Node node = get(id);
        return node == null ? -ESTALE : descriptor(node);
    }

    /**
     * Finds a file by its name and counts the lookup; returns the number of its node, or {@code
     * -errno}.
     *
     * <p>After ESTALE, Linux looks the whole path up once more, and then gives up. So these lookups
     * open what they find: it can be used although others replace it again in the meantime.
     */
    long lookup(long parentId, MemorySegment name, FileStat stat) {
        int directory = directory(parentId, name);
        if (directory < 0) return directory;
        int done = stat.read(directory, name);
        if (done < 0) return done;
        Node parent = Objects.requireNonNull(get(parentId));
        if (parent.file.type != FileStat.S_IFDIR) return -ESTALE;
        long id = remember(parent, name, stat);
        if (keptOpen > 0 && id >= 0) open(Objects.requireNonNull(get(id)));
        return id;
    }

    /** Opens a node; if that fails, so does its next use, which says so to the guest. */
    private void open(Node node) {
        keptOpen--;
        if (!node.isOpen() && node.files == null) descriptor(node);
    }

    /** Counts the lookup of a file that was seen there; returns the number of its node, or {@code -errno}. */
    long remember(Node parent, MemorySegment name, FileStat stat) {
        Node node = table.find(stat);
        if (node == root) return root.id; // mounted again below itself
        if (node == null) {
            if (table.isFull()) return -ENFILE;
            node = new Node();
            node.file.set(stat);
            table.add(node);
        }
        node.lookups++;
        place(node, parent, name);
        return node.id;
    }

    /** Notes where a file is now. */
    private void place(Node node, Node parent, MemorySegment name) {
        if (!isNamed(node, name)) node.name = bytes(name);
        Node before = node.parent;
        if (before == parent) return;
        parent.children++;
        node.parent = parent;
        if (before == null) return;
        before.children--;
        drop(before);
    }

    private static boolean isNamed(Node node, MemorySegment name) {
        byte[] known = node.name;
        for (int i = 0; i < known.length; i++) {
            if (name.get(JAVA_BYTE, i) != known[i]) return false;
        }
        return name.get(JAVA_BYTE, known.length) == 0;
    }

    private static byte[] bytes(MemorySegment name) {
        int length = 0;
        while (name.get(JAVA_BYTE, length) != 0) length++;
        byte[] bytes = new byte[length];
        MemorySegment.copy(name, JAVA_BYTE, 0, bytes, 0, length);
        return bytes;
    }

    /**
     * Notes where a known file went, before it is looked up again; does nothing if the guest does
     * not know the file.
     */
    void moved(FileStat stat, Node parent, MemorySegment name) {
        Node node = table.find(stat);
        if (node != null && node != root) place(node, parent, name);
    }

    // ---- forgetting

    /** Forgets so many lookups of a node. */
    void forget(long id, long count) {
        Node node = get(id);
        if (node == null) return;
        node.lookups = Long.compareUnsigned(count, node.lookups) >= 0 ? 0 : node.lookups - count;
        drop(node);
    }

    /** Removes a node that nobody needs, and then perhaps those above it. */
    void drop(Node from) {
        Node node = from;
        while (node != root && node.lookups == 0 && node.children == 0 && node.files == null) {
            Node parent = Objects.requireNonNull(node.parent);
            cache.close(node);
            table.remove(node);
            node.parent = null;
            parent.children--;
            node = parent;
        }
    }

    /** Forgets all but the root. */
    void clear() {
        cache.clear();
        table.clear();
        root.children = 0;
    }

    void close() {
        cache.clear();
        cache.end();
        Libc.close(root.fd);
        root.closed();
    }
}
