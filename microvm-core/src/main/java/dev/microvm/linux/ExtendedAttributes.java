package dev.microvm.linux;

import static dev.microvm.linux.Linking.link;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Extended attributes of files of any type: xattr(7). Java's own view has only those that begin with
 * {@code user.}, and follows links. For one thread; close it at the end.
 */
public final class ExtendedAttributes implements AutoCloseable {
    private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle LLISTXATTR = link("llistxattr", 0, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG);
    private static final MethodHandle LGETXATTR = link("lgetxattr", 0, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);

    private static final int MAX_SIZE = 64 * 1024; // bytes of a value, and of all names: XATTR_SIZE_MAX, XATTR_LIST_MAX
    private static final int MAX_PATH = 4096; // bytes: PATH_MAX
    private static final int MAX_NAME = 256; // bytes: XATTR_NAME_MAX, and a zero

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment state = arena.allocate(CAPTURED);
    private final MemorySegment path = arena.allocate(MAX_PATH);
    private final MemorySegment name = arena.allocate(MAX_NAME);
    private final MemorySegment names = arena.allocate(MAX_SIZE);
    private final MemorySegment value = arena.allocate(MAX_SIZE);

    /** Makes a reader. */
    public ExtendedAttributes() {}

    /**
     * Returns those of a file, by their names; none if its file system has none. Links are not
     * followed.
     *
     * @param file absolute path, without a zero at its end
     * @param wanted which names
     * @throws ErrnoException if they cannot be read
     */
    public Map<String, byte[]> of(byte[] file, Predicate<String> wanted) {
        if (file.length >= MAX_PATH) throw new ErrnoException("llistxattr", Errno.ENAMETOOLONG);
        setText(path, file);
        int size = (int) list();
        if (size == 0) return Map.of();
        Map<String, byte[]> attributes = new HashMap<>();
        String all = new String(names.asSlice(0, size).toArray(JAVA_BYTE), StandardCharsets.ISO_8859_1);
        for (String each : all.split("\0", -1)) {
            if (each.isEmpty() || !wanted.test(each)) continue;
            setText(name, each.getBytes(StandardCharsets.ISO_8859_1));
            attributes.put(each, value());
        }
        return attributes;
    }

    private static void setText(MemorySegment to, byte[] text) {
        MemorySegment.copy(text, 0, to, JAVA_BYTE, 0, text.length);
        to.set(JAVA_BYTE, text.length, (byte) 0);
    }

    private long list() {
        try {
            long size = (long) LLISTXATTR.invokeExact(state, path, names, names.byteSize());
            return size < 0 && errno() == Errno.EOPNOTSUPP ? 0 : checked("llistxattr", size);
        } catch (Throwable t) {
            throw Libc.linkage(t);
        }
    }

    private byte[] value() {
        try {
            long size = (long) LGETXATTR.invokeExact(state, path, name, value, value.byteSize());
            return value.asSlice(0, checked("lgetxattr", size)).toArray(JAVA_BYTE);
        } catch (Throwable t) {
            throw Libc.linkage(t);
        }
    }

    private long checked(String call, long result) {
        if (result < 0) throw new ErrnoException(call, errno());
        return result;
    }

    private int errno() {
        return (int) ERRNO.get(state, 0L);
    }

    @Override
    public void close() {
        arena.close();
    }
}
