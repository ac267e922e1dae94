package dev.microvm.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Guest memory agrees with a map of bytes, whatever is read and written, and wherever. */
final class GuestMemoryPropertyTest {
    private static final int OPERATIONS = 20_000;

    /**
     * Places around which accesses fall: every edge of a region, and the ends of the number line.
     */
    private static final long[] EDGES = {0x1000, 0x3000, 0x4000, 0x10_0000, 0x10_1000, 0, Long.MAX_VALUE};

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 0x5eed})
    void agreesWithAMapOfBytes_whenAccessesAreRandom(long seed) {
        try (Arena arena = Arena.ofConfined()) {
            List<GuestMemoryRegion> regions = List.of(
                    region(0x1000, 0x2000, arena), region(0x3000, 0x1000, arena), region(0x10_0000, 0x1000, arena));
            Operation both = new Operation(new GuestMemory(regions), new Reference(regions), new Random(seed));

            List<String> differences = IntStream.range(0, OPERATIONS)
                    .mapToObj(i -> both.next())
                    .filter(outcome -> !outcome.isEmpty())
                    .toList();

            assertThat(differences).isEmpty();
        }
    }

    private static GuestMemoryRegion region(long base, long size, Arena arena) {
        return new GuestMemoryRegion(base, arena.allocate(size, GuestMemoryRegion.PAGE_SIZE), /* readOnly= */ false);
    }

    /** One random access, made to both. */
    private record Operation(GuestMemory memory, Reference reference, Random random) {
        private static final int KINDS = 10;

        /** Says how the two differ, or nothing. */
        String next() {
            long gpa = EDGES[random.nextInt(EDGES.length)] + random.nextInt(-24, 24);
            long value = random.nextLong();
            int length = random.nextInt(0, 40);
            int kind = random.nextInt(KINDS);
            String got = outcome(() -> inMemory(kind, gpa, value, length));
            String expected = outcome(() -> inReference(kind, gpa, value, length));
            return got.equals(expected)
                    ? ""
                    : "kind %d at 0x%x, %d bytes: %s instead of %s".formatted(kind, gpa, length, got, expected);
        }

        private String inMemory(int kind, long gpa, long value, int length) {
            switch (kind) {
                case 0 -> memory.putByte(gpa, (int) value);
                case 1 -> memory.putShort(gpa, (int) value);
                case 2 -> memory.putInt(gpa, (int) value);
                case 3 -> memory.putLong(gpa, value);
                case 4 -> memory.write(gpa, bytes(value, length));
                case 5 -> {
                    return Long.toHexString(memory.getByte(gpa));
                }
                case 6 -> {
                    return Long.toHexString(memory.getShort(gpa));
                }
                case 7 -> {
                    return Integer.toHexString(memory.getInt(gpa));
                }
                case 8 -> {
                    return Long.toHexString(memory.getLong(gpa));
                }
                default -> {
                    return HexFormat.of().formatHex(memory.read(gpa, length));
                }
            }
            return "";
        }

        private String inReference(int kind, long gpa, long value, int length) {
            switch (kind) {
                case 0 -> reference.put(gpa, 1, value);
                case 1 -> reference.put(gpa, 2, value);
                case 2 -> reference.put(gpa, 4, value);
                case 3 -> reference.put(gpa, 8, value);
                case 4 -> reference.write(gpa, bytes(value, length));
                case 5 -> {
                    return Long.toHexString(reference.get(gpa, 1));
                }
                case 6 -> {
                    return Long.toHexString(reference.get(gpa, 2));
                }
                case 7 -> {
                    return Long.toHexString(reference.get(gpa, 4));
                }
                case 8 -> {
                    return Long.toHexString(reference.get(gpa, 8));
                }
                default -> {
                    return HexFormat.of().formatHex(reference.read(gpa, length));
                }
            }
            return "";
        }

        private static byte[] bytes(long value, int length) {
            byte[] bytes = new byte[length];
            Arrays.fill(bytes, (byte) value);
            return bytes;
        }

        private static String outcome(Supplier<String> access) {
            try {
                return access.get();
            } catch (GuestMemoryException e) {
                return "refused";
            }
        }
    }

    /** Bytes by address, and which region each address is in: the plainest memory there is. */
    private static final class Reference {
        private final Map<Long, Byte> bytes = new HashMap<>();
        private final List<GuestMemoryRegion> regions;

        Reference(List<GuestMemoryRegion> regions) {
            this.regions = regions;
        }

        void write(long gpa, byte[] from) {
            check(gpa, from.length);
            for (int i = 0; i < from.length; i++) bytes.put(gpa + i, from[i]);
        }

        byte[] read(long gpa, int length) {
            check(gpa, length);
            byte[] to = new byte[length];
            for (int i = 0; i < length; i++) to[i] = bytes.getOrDefault(gpa + i, (byte) 0);
            return to;
        }

        void put(long gpa, int size, long value) {
            byte[] from = new byte[size];
            for (int i = 0; i < size; i++) from[i] = (byte) (value >>> (8 * i));
            write(gpa, from);
        }

        long get(long gpa, int size) {
            byte[] from = read(gpa, size);
            long value = 0;
            for (int i = 0; i < size; i++) value |= (from[i] & 0xFFL) << (8 * i);
            return value;
        }

        /**
         * Both ends lie in one region; an end address belongs to a region as a place for nothing.
         */
        private void check(long gpa, int size) {
            boolean inside = regions.stream()
                    .anyMatch(region -> gpa >= region.base() && gpa <= region.end() && size <= region.end() - gpa);
            if (!inside) throw new GuestMemoryException(gpa, size);
        }
    }
}
