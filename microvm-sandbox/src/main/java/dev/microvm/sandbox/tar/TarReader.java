package dev.microvm.sandbox.tar;

import dev.microvm.sandbox.root.tree.Metadata;
import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tar archive: of POSIX (ustar, pax), of GNU, or old. Names and extended attributes stay
 * bytes. Its heap is bounded whatever the archive says. For one thread.
 */
public final class TarReader {
    // Types of headers that describe the next entry
    static final char PAX = 'x';
    private static final char PAX_GLOBAL = 'g';
    private static final char GNU_LONG_NAME = 'L';
    private static final char GNU_LONG_LINK = 'K';
    private static final char GNU_LABEL = 'V';
    private static final char GNU_SPARSE = 'S';
    private static final char OLD_FILE = '\0';
    private static final char CONTIGUOUS_FILE = '7';

    // Records of files with holes: the forms 0.0, 0.1 and 1.0 of GNU tar
    private static final String SPARSE_NAME = "GNU.sparse.name";
    private static final String SPARSE_SIZE = "GNU.sparse.size";
    private static final String SPARSE_REAL_SIZE =
            "GNU.sparse.realsize"; // of the form 1.0, whose map is in the content

    private static final String ATTRIBUTE = "SCHILY.xattr."; // prefix of the key of an extended attribute
    private static final int MAX_EXTENSION = 1 << 20; // bytes of a header's records
    private static final int MAX_DIGITS = 40; // of a time in a pax header
    private static final long MAX_ID = 0xFFFF_FFFFL; // a user's or group's number has 32 bits
    private static final BigInteger NANOS = BigInteger.valueOf(1_000_000_000);

    private final InputStream in;
    private final Map<String, String> global = new HashMap<>();
    private Map<String, String> local = new HashMap<>(); // of the next entry
    private BoundedInput stored; // of the current entry
    private InputStream content; // the same with its holes
    private int padding; // bytes behind it

    /** Reads from a stream, which stays the caller's. */
    public TarReader(InputStream in) {
        this.in = in;
        stored = new BoundedInput(in, 0);
        content = stored;
    }

    /**
     * Returns the next entry; null at the end. What was not read of the last one is skipped.
     *
     * @throws RootContentException if it is no intact archive
     * @throws java.io.EOFException if it ends within an entry
     */
    public @Nullable TarEntry next() throws IOException {
        in.skipNBytes(stored.left());
        in.readNBytes(padding); // which some programs leave out at the end of an archive
        stored = new BoundedInput(in, 0);
        content = stored;
        padding = 0;
        local = new HashMap<>(global);
        while (true) {
            byte[] block = in.readNBytes(TarHeader.BLOCK_SIZE);
            if (block.length == 0 || (block.length == TarHeader.BLOCK_SIZE && TarHeader.isEnd(block))) return null;
            if (block.length < TarHeader.BLOCK_SIZE) throw TarHeader.broken("it is cut short");
            TarHeader header = new TarHeader(block);
            switch (header.type()) {
                case PAX -> local.putAll(PaxRecords.read(extension(header)));
                case PAX_GLOBAL -> {
                    Map<String, String> records = PaxRecords.read(extension(header));
                    global.putAll(records);
                    local.putAll(records);
                }
                case GNU_LONG_NAME -> local.put("path", untilZero(extension(header)));
                case GNU_LONG_LINK -> local.put("linkpath", untilZero(extension(header)));
                case GNU_LABEL -> in.skipNBytes(padded(header.size()));
                default -> {
                    return entry(header);
                }
            }
        }
    }

    /** Returns the content of the current entry, all that is left of it. Not to be closed. */
    public InputStream content() {
        return content;
    }

    private TarEntry entry(TarHeader header) throws IOException {
        String name = local.getOrDefault(SPARSE_NAME, local.getOrDefault("path", header.name()));
        char type = switch (header.type()) {
            case GNU_SPARSE -> TarEntry.FILE;
            case OLD_FILE, CONTIGUOUS_FILE, TarEntry.FILE -> name.endsWith("/") ? TarEntry.DIRECTORY : TarEntry.FILE;
            default -> header.type();
        };
        if (type < TarEntry.FILE || type > TarEntry.FIFO) {
            throw TarHeader.broken("entry '%s' has the unknown type '%c'".formatted(RawName.text(name), type));
        }
        long size = type == TarEntry.FILE ? longOf("size", header.size()) : 0; // others have none, whatever they say
        if (size < 0 || size > Long.MAX_VALUE - TarHeader.BLOCK_SIZE) {
            throw TarHeader.broken("entry '%s' has %d bytes".formatted(RawName.text(name), size));
        }
        stored = new BoundedInput(in, size);
        content = stored;
        padding = (int) (padded(size) - size);
        if (type == TarEntry.FILE) size = withHoles(header, size);
        String link = local.getOrDefault("linkpath", header.linkName());
        boolean device = type == TarEntry.CHARACTER_DEVICE || type == TarEntry.BLOCK_DEVICE;
        int major = device ? header.deviceMajor() : 0;
        int minor = device ? header.deviceMinor() : 0;
        return new TarEntry(name, type, size, link, major, minor, metadata(header));
    }

    /** Reads the map of a file that is stored with holes; returns the size with them. */
    private long withHoles(TarHeader header, long size) throws IOException {
        boolean ofGnu = header.type() == GNU_SPARSE;
        boolean inContent = local.containsKey(SPARSE_REAL_SIZE);
        String text = local.get(PaxRecords.SPARSE_MAP);
        if (!ofGnu && !inContent && text == null) return size;
        SparseMap map = ofGnu
                ? SparseMap.ofHeader(header, in)
                : inContent || text == null ? SparseMap.ofContent(stored) : SparseMap.ofText(text);
        long real = ofGnu ? header.sparseSize() : longOf(inContent ? SPARSE_REAL_SIZE : SPARSE_SIZE, -1);
        if (real < 0 || real > Long.MAX_VALUE - TarHeader.BLOCK_SIZE) {
            throw TarHeader.broken("a file with holes has %d bytes".formatted(real));
        }
        map.check(real, stored.left());
        content = new SparseInput(stored, map, real);
        return real;
    }

    private Metadata metadata(TarHeader header) {
        String time = local.get("mtime");
        long seconds = header.modified();
        int nanos = 0;
        if (time != null) {
            BigInteger[] parts = nanos(time).divideAndRemainder(NANOS);
            seconds = parts[0].longValue();
            nanos = parts[1].intValue();
            if (nanos < 0) { // before 1970
                seconds--;
                nanos += NANOS.intValue();
            }
        }
        Map<String, byte[]> attributes = new HashMap<>();
        local.forEach((key, value) -> {
            if (key.startsWith(ATTRIBUTE)) attributes.put(key.substring(ATTRIBUTE.length()), RawName.bytes(value));
        });
        return new Metadata(
                header.mode() & Metadata.PERMISSIONS,
                id(longOf("uid", header.uid())),
                id(longOf("gid", header.gid())),
                seconds,
                nanos,
                attributes);
    }

    private static BigInteger nanos(String time) {
        try {
            if (time.length() > MAX_DIGITS || time.indexOf('e') >= 0 || time.indexOf('E') >= 0) {
                throw new NumberFormatException(time);
            }
            BigInteger nanos = new BigDecimal(time).movePointRight(9).toBigInteger();
            if (nanos.divide(NANOS).bitLength() >= Long.SIZE) throw new NumberFormatException(time);
            return nanos;
        } catch (NumberFormatException e) {
            throw TarHeader.broken("a pax header has the time '%s'".formatted(RawName.text(time)));
        }
    }

    private static int id(long number) {
        if (number < 0 || number > MAX_ID) throw TarHeader.broken("a user or group has the number " + number);
        return (int) number;
    }

    private long longOf(String key, long byDefault) {
        String value = local.get(key);
        try {
            return value == null ? byDefault : Long.parseLong(value);
        } catch (NumberFormatException e) {
            throw TarHeader.broken("a pax header has the %s '%s'".formatted(key, RawName.text(value)));
        }
    }

    private byte[] extension(TarHeader header) throws IOException {
        long size = header.size();
        if (size < 0 || size > MAX_EXTENSION) {
            throw TarHeader.broken("a header has %d bytes of records; 1 MiB are enough".formatted(size));
        }
        byte[] bytes = in.readNBytes((int) size);
        if (bytes.length < size) throw TarHeader.broken("it is cut short");
        in.skipNBytes(padded(size) - size);
        return bytes;
    }

    private static String untilZero(byte[] bytes) {
        String text = RawName.of(bytes);
        int end = text.indexOf('\0');
        return end < 0 ? text : text.substring(0, end);
    }

    private static long padded(long size) {
        return (size + TarHeader.BLOCK_SIZE - 1) & -TarHeader.BLOCK_SIZE;
    }
}
