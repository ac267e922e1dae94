package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.Qcow2Format.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The header of a qcow2 file, checked.
 *
 * @param version 2 or 3
 * @param clusterBits 9 to 21
 * @param size size of the disk in bytes
 * @param l1Size number of entries of the L1 table, at least as many as the disk needs
 * @param l1Offset offset of the L1 table, aligned to a cluster, inside the file
 * @param refcountTableOffset offset of the refcount table, aligned to a cluster, inside the file
 * @param refcountTableClusters size of the refcount table in clusters, above 0
 * @param refcountOrder logarithm of the refcount width in bits, 0 to 6
 * @param incompatible bits of incompatible features, all supported
 * @param autoclear bits of autoclear features
 * @param compressionType {@link Qcow2Format#ZLIB} or {@link Qcow2Format#ZSTD}
 * @param backingName name of the backing file
 * @param backingFormat name of the format of the backing file
 */
record Qcow2Header(
        int version,
        int clusterBits,
        long size,
        int l1Size,
        long l1Offset,
        long refcountTableOffset,
        int refcountTableClusters,
        int refcountOrder,
        long incompatible,
        long autoclear,
        int compressionType,
        @Nullable String backingName,
        @Nullable String backingFormat) {

    /** Returns the size of a cluster in bytes. */
    long clusterSize() {
        return 1L << clusterBits;
    }

    /** Returns the number of guest clusters of the disk; the last may be partial. */
    long clusters() {
        return ((size - 1) >>> clusterBits) + 1;
    }

    /** Returns whether the bit of an incompatible feature is set. */
    boolean has(int feature) {
        return (incompatible >>> feature & 1) != 0;
    }

    /**
     * Reads and checks a header.
     *
     * @param writable whether the image will be written; some features forbid that
     * @throws BlockException if it is not a qcow2 header, is inconsistent, or needs a feature that
     *     is not supported
     */
    static Qcow2Header read(ImageFile file, boolean writable) {
        try (Arena arena = Arena.ofConfined()) {
            return new Reader(file, arena).read(writable);
        }
    }

    private static final class Reader {
        private final Path path;
        private final ImageFile file;
        private final long fileSize;
        private final Arena arena;
        private MemorySegment bytes;

        Reader(ImageFile file, Arena arena) {
            this.path = file.path();
            this.file = file;
            this.arena = arena;
            fileSize = file.size();
            bytes = load(HEADER_SIZE_V3 + 8);
        }

        private MemorySegment load(long length) {
            MemorySegment loaded = arena.allocate(length);
            file.read(0, loaded, 0, length);
            return loaded;
        }

        Qcow2Header read(boolean writable) {
            if (fileSize < HEADER_SIZE_V2 || number(MAGIC) != MAGIC_VALUE) {
                throw problem("it is not a qcow2 file; if it is a raw image, use DiskImage.raw, else convert it with"
                        + " qemu-img convert");
            }
            int version = number(VERSION);
            check(
                    version == 2 || version == 3,
                    () -> "its qcow2 version is %d, but only 2 and 3 are supported".formatted(version));
            int clusterBits = number(CLUSTER_BITS);
            check(
                    clusterBits >= MIN_CLUSTER_BITS && clusterBits <= MAX_CLUSTER_BITS,
                    () -> "cluster_bits must be %d to %d, but is %d"
                            .formatted(MIN_CLUSTER_BITS, MAX_CLUSTER_BITS, clusterBits));
            bytes = load(1L << clusterBits);
            int headerLength = version == 2 ? HEADER_SIZE_V2 : number(HEADER_LENGTH);
            check(
                    headerLength >= (version == 2 ? HEADER_SIZE_V2 : HEADER_SIZE_V3)
                            && headerLength <= bytes.byteSize(),
                    () -> "header_length is %d".formatted(headerLength));
            int order = version == 2 ? REFCOUNT_ORDER_V2 : number(REFCOUNT_ORDER);
            check(
                    order >= 0 && order <= MAX_REFCOUNT_ORDER,
                    () -> "refcount_order must be 0 to 6, but is %d".formatted(order));
            long backingOffset = longNumber(BACKING_FILE_OFFSET);
            int backingSize = number(BACKING_FILE_SIZE);
            Extensions extensions = extensions(headerLength, backingOffset);
            long incompatible = version == 2 ? 0 : longNumber(INCOMPATIBLE_FEATURES);
            checkFeatures(incompatible, extensions, writable);
            check(
                    number(CRYPT_METHOD) == 0,
                    () -> "it is encrypted, which is not supported; decrypt it with qemu-img convert");
            Qcow2Header header = new Qcow2Header(
                    version,
                    clusterBits,
                    longNumber(SIZE),
                    number(L1_SIZE),
                    longNumber(L1_TABLE_OFFSET),
                    longNumber(REFCOUNT_TABLE_OFFSET),
                    number(REFCOUNT_TABLE_CLUSTERS),
                    order,
                    incompatible,
                    version == 2 ? 0 : longNumber(AUTOCLEAR_FEATURES),
                    compressionType(incompatible, headerLength),
                    backingOffset == 0 ? null : backingName(backingOffset, backingSize),
                    extensions.backingFormat);
            checkTables(header);
            if (writable && (header.autoclear >>> BITMAPS & 1) != 0) {
                throw problem("it has persistent bitmaps, which writing would make wrong; remove them with "
                        + "qemu-img bitmap --remove, or open it read-only");
            }
            return header;
        }

        private void checkFeatures(long incompatible, Extensions extensions, boolean writable) {
            List<String> unknown = new ArrayList<>();
            for (int bit = 0; bit < Long.SIZE; bit++) {
                boolean known = bit == DIRTY || bit == CORRUPT || bit == COMPRESSION;
                if ((incompatible >>> bit & 1) == 0 || known) continue;
                unknown.add(
                        switch (bit) {
                            case EXTERNAL_DATA_FILE -> "external data file";
                            case EXTENDED_L2 -> "extended L2 entries";
                            default -> extensions.featureNames.getOrDefault(bit, "bit " + bit);
                        });
            }
            check(
                    unknown.isEmpty(),
                    () -> ("it uses incompatible features that are not supported: %s; make a copy without them with "
                                    + "qemu-img convert")
                            .formatted(String.join(", ", unknown)));
            if (writable && (incompatible >>> CORRUPT & 1) != 0) {
                throw problem("it is marked corrupt; repair it with qemu-img check -r all, or open it read-only");
            }
            if (writable && (incompatible >>> DIRTY & 1) != 0) {
                throw problem("it was not closed, and its reference counts may be wrong (lazy_refcounts); repair it "
                        + "with qemu-img check -r all, or open it read-only");
            }
        }

        private int compressionType(long incompatible, int headerLength) {
            int type =
                    headerLength > COMPRESSION_TYPE ? bytes.get(ValueLayout.JAVA_BYTE, COMPRESSION_TYPE) & 0xFF : ZLIB;
            boolean announced = (incompatible >>> COMPRESSION & 1) != 0;
            check(
                    announced == (type != ZLIB),
                    () -> "its compression type is %d, but its feature bit says otherwise".formatted(type));
            check(
                    type == ZLIB || type == ZSTD,
                    () -> "its compression type is %d, but only zlib and zstd are supported".formatted(type));
            return type;
        }

        private void checkTables(Qcow2Header header) {
            long clusterSize = header.clusterSize();
            check(
                    header.size > 0 && header.size % BlockBackend.SECTOR_SIZE == 0,
                    () -> "its disk has %d bytes, but must have a multiple of %d"
                            .formatted(header.size, BlockBackend.SECTOR_SIZE));
            long bytesPerL2 = clusterSize * (clusterSize / ENTRY_SIZE);
            long neededL1 = (header.size - 1) / bytesPerL2 + 1;
            long l1Bytes = Integer.toUnsignedLong(header.l1Size) * ENTRY_SIZE;
            check(
                    l1Bytes <= MAX_L1_BYTES && l1Bytes / ENTRY_SIZE >= neededL1,
                    () -> "its L1 table has %d entries, but must have %d to %d"
                            .formatted(l1Bytes / ENTRY_SIZE, neededL1, MAX_L1_BYTES / ENTRY_SIZE));
            checkPlace("L1 table", header.l1Offset, l1Bytes, clusterSize);
            long refcountBytes = Integer.toUnsignedLong(header.refcountTableClusters) * clusterSize;
            check(
                    refcountBytes > 0 && refcountBytes <= MAX_REFCOUNT_TABLE_BYTES,
                    () -> "its refcount table has %d bytes, but must have 1 to %d"
                            .formatted(refcountBytes, MAX_REFCOUNT_TABLE_BYTES));
            checkPlace("refcount table", header.refcountTableOffset, refcountBytes, clusterSize);
        }

        /**
         * Checks that a table is inside the file, so that it takes no more memory than the file has
         * bytes.
         */
        private void checkPlace(String table, long offset, long length, long clusterSize) {
            long end = (fileSize + clusterSize - 1) & -clusterSize; // of the last cluster, which may be there in part
            check(
                    offset >= clusterSize && offset % clusterSize == 0 && offset <= end - length,
                    () ->
                            "its %s is at 0x%x, %d bytes long, but must be aligned to a cluster and inside the file's 0x%x bytes"
                                    .formatted(table, offset, length, fileSize));
        }

        private String backingName(long offset, int length) {
            check(
                    length > 0
                            && length <= MAX_BACKING_NAME
                            && offset >= HEADER_SIZE_V2
                            && offset <= bytes.byteSize() - length,
                    () -> "its backing file's name is at 0x%x, %d bytes long".formatted(offset, length));
            return text(offset, length);
        }

        /**
         * Reads the header extensions. They end at the end mark or at the name of the backing file.
         */
        private Extensions extensions(long start, long backingOffset) {
            Extensions found = new Extensions();
            long end = backingOffset == 0 ? bytes.byteSize() : Math.clamp(backingOffset, 0, bytes.byteSize());
            long at = start;
            while (at <= end - EXTENSION_HEADER_SIZE) {
                int type = number(at);
                if (type == EXTENSION_END) break;
                long length = Integer.toUnsignedLong(number(at + Integer.BYTES));
                long data = at + EXTENSION_HEADER_SIZE;
                check(length <= end - data, () -> "its header extension 0x%x is %d bytes long".formatted(type, length));
                if (type == EXTENSION_BACKING_FORMAT) found.backingFormat = text(data, (int) length);
                if (type == EXTENSION_FEATURE_NAMES) readFeatureNames(data, length, found.featureNames);
                at = data + (length + 7 & -8);
            }
            return found;
        }

        private void readFeatureNames(long data, long length, Map<Integer, String> names) {
            for (long at = data; at <= data + length - FEATURE_NAME_SIZE; at += FEATURE_NAME_SIZE) {
                boolean incompatible = bytes.get(ValueLayout.JAVA_BYTE, at) == 0;
                int bit = bytes.get(ValueLayout.JAVA_BYTE, at + 1);
                if (incompatible) names.put(bit, text(at + 2, FEATURE_NAME_SIZE - 2));
            }
        }

        /**
         * Returns a string of the file, up to a zero byte. Characters that could disturb a terminal
         * are replaced.
         */
        private String text(long offset, int length) {
            byte[] raw = bytes.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
            String text = new String(raw, StandardCharsets.UTF_8);
            int end = text.indexOf('\0');
            return (end < 0 ? text : text.substring(0, end)).replaceAll("\\p{Cntrl}", "?");
        }

        private int number(long offset) {
            return bytes.get(BE_INT, offset);
        }

        private long longNumber(long offset) {
            return bytes.get(BE_LONG, offset);
        }

        private void check(boolean ok, Supplier<String> problem) {
            if (!ok) throw problem(problem.get());
        }

        private BlockException problem(String text) {
            return new BlockException("disk image " + path + ": " + text);
        }
    }

    private static final class Extensions {
        private @Nullable String backingFormat;
        private final Map<Integer, String> featureNames = new TreeMap<>();
    }
}
