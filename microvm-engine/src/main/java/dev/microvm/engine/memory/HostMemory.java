package dev.microvm.engine.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Host memory by raw address, little-endian.
 *
 * <p>One segment spans all addresses, which the JIT compilers treat better than a bounded one. So
 * nothing is checked here: every address comes from {@link PhysicalMemory}, through the software
 * TLB, which vouches for a whole page. With {@code -Dmicrovm.checked=true} each access is checked
 * all the same, and one outside of guests' memory throws: for tests.
 *
 * <p>x86 keeps loads in order and stores in order (Intel SDM vol. 3A, 9.2.2). A host that does not
 * is made to, by fences that cost nothing where they are not needed.
 */
public final class HostMemory {
    @SuppressWarnings("restricted") // the module needs --enable-native-access; nothing native is called
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ALIGNED_INT =
            JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle ALIGNED_LONG =
            JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private static final boolean HOST_KEEPS_ORDER = hostKeepsOrder();

    private HostMemory() {}

    private static boolean hostKeepsOrder() {
        String architecture = System.getProperty("os.arch");
        return architecture.equals("amd64") || architecture.equals("x86_64");
    }

    // HotSpot inlines what has at most 35 bytes of bytecode wherever it is called, so these stand alone

    private static void afterLoad() {
        if (!HOST_KEEPS_ORDER) VarHandle.acquireFence();
    }

    private static void beforeStore() {
        if (!HOST_KEEPS_ORDER) VarHandle.releaseFence();
    }

    /** Reads a byte, 0 to 255. */
    public static int get8(long address) {
        if (HostRanges.CHECKED) HostRanges.check(address, Byte.BYTES);
        int value = ALL.get(JAVA_BYTE, address) & 0xFF;
        afterLoad();
        return value;
    }

    /** Reads 16 bits, 0 to 65535. */
    public static int get16(long address) {
        if (HostRanges.CHECKED) HostRanges.check(address, Short.BYTES);
        int value = Short.toUnsignedInt(ALL.get(LE_SHORT, address));
        afterLoad();
        return value;
    }

    /** Reads 32 bits. */
    public static int get32(long address) {
        if (HostRanges.CHECKED) HostRanges.check(address, Integer.BYTES);
        int value = ALL.get(LE_INT, address);
        afterLoad();
        return value;
    }

    /** Reads 64 bits. */
    public static long get64(long address) {
        if (HostRanges.CHECKED) HostRanges.check(address, Long.BYTES);
        long value = ALL.get(LE_LONG, address);
        afterLoad();
        return value;
    }

    /** Writes the low 8 bits of {@code value}. */
    public static void put8(long address, int value) {
        if (HostRanges.CHECKED) HostRanges.check(address, Byte.BYTES);
        beforeStore();
        ALL.set(JAVA_BYTE, address, (byte) value);
    }

    /** Writes the low 16 bits of {@code value}. */
    public static void put16(long address, int value) {
        if (HostRanges.CHECKED) HostRanges.check(address, Short.BYTES);
        beforeStore();
        ALL.set(LE_SHORT, address, (short) value);
    }

    /** Writes 32 bits. */
    public static void put32(long address, int value) {
        if (HostRanges.CHECKED) HostRanges.check(address, Integer.BYTES);
        beforeStore();
        ALL.set(LE_INT, address, value);
    }

    /** Writes 64 bits. */
    public static void put64(long address, long value) {
        if (HostRanges.CHECKED) HostRanges.check(address, Long.BYTES);
        beforeStore();
        ALL.set(LE_LONG, address, value);
    }

    /** Replaces 32 bits if they are as expected; {@code address} is a multiple of 4. */
    public static boolean compareAndSet32(long address, int expected, int value) {
        if (HostRanges.CHECKED) HostRanges.check(address, Integer.BYTES);
        return ALIGNED_INT.compareAndSet(ALL, address, expected, value);
    }

    /** Replaces 64 bits if they are as expected; {@code address} is a multiple of 8. */
    public static boolean compareAndSet64(long address, long expected, long value) {
        if (HostRanges.CHECKED) HostRanges.check(address, Long.BYTES);
        return ALIGNED_LONG.compareAndSet(ALL, address, expected, value);
    }

    /** Copies {@code length} bytes; the ranges may overlap. */
    public static void copy(long from, long to, long length) {
        if (HostRanges.CHECKED) {
            HostRanges.check(from, length);
            HostRanges.check(to, length);
        }
        MemorySegment.copy(ALL, from, ALL, to, length);
    }

    /** Copies {@code bytes.length} bytes into an array. */
    public static void read(long from, byte[] bytes) {
        if (HostRanges.CHECKED) HostRanges.check(from, bytes.length);
        MemorySegment.copy(ALL, JAVA_BYTE, from, bytes, 0, bytes.length);
    }

    /** Sets {@code length} bytes. */
    public static void fill(long to, long length, byte value) {
        if (HostRanges.CHECKED) HostRanges.check(to, length);
        ALL.asSlice(to, length).fill(value);
    }

    /** Whether memory and the bytes {@code from} to {@code to} differ, the last one not included. */
    public static boolean differs(long address, byte[] bytes, int from, int to) {
        if (HostRanges.CHECKED) HostRanges.check(address, to - from);
        return MemorySegment.mismatch(ALL, address, address + to - from, MemorySegment.ofArray(bytes), from, to) >= 0;
    }
}
