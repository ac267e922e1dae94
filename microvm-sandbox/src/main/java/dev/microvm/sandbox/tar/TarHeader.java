package dev.microvm.sandbox.tar;

import dev.microvm.sandbox.root.tree.Metadata;
import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.util.Arrays;

/**
 * One header block of a tar archive.
 *
 * <p>Sources: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
 */
public final class TarHeader {
    /** Bytes of a header, and what content is padded to. */
    static final int BLOCK_SIZE = 512;

    // Offset and length of each field, in bytes
    private static final int NAME = 0;
    private static final int NAME_LENGTH = 100;
    private static final int MODE = 100;
    private static final int UID = 108;
    private static final int GID = 116;
    private static final int SHORT_NUMBER = 8;
    private static final int SIZE = 124;
    private static final int MTIME = 136;
    private static final int LONG_NUMBER = 12;
    private static final int CHECKSUM = 148;
    private static final int TYPE = 156;
    private static final int LINK_NAME = 157;
    private static final int MAGIC = 257;
    private static final int MAGIC_LENGTH = 6;
    private static final String USTAR_MAGIC = "ustar\0"; // GNU's has a space instead of the zero, and no prefix
    private static final int DEVICE_MAJOR = 329;
    private static final int DEVICE_MINOR = 337;
    private static final int PREFIX = 345;
    private static final int PREFIX_LENGTH = 155;

    // GNU's header of a file with holes, and the blocks that continue it: an offset and a length, 12 bytes each
    private static final int SPARSE = 386;
    private static final int SPARSE_PIECES = 4;
    private static final int SPARSE_CONTINUES = 482; // 1 byte
    private static final int SPARSE_SIZE = 483; // of the file with its holes
    private static final int MORE_PIECES = 21;
    private static final int MORE_CONTINUES = 504;

    private static final int BINARY = 0x80; // in the first byte: a number in base 256, GNU's for large ones
    private static final int BINARY_SIGN = 0x40;

    private static final int BITS_OF_DIGIT = 3;
    private static final int CHECKSUM_DIGITS = 6; // then a zero and a space

    private final byte[] block;

    /**
     * Reads a header.
     *
     * @throws RootContentException if its checksum is not right
     */
    TarHeader(byte[] block) {
        this.block = block;
        int unsigned = 0;
        int signed = 0; // as some old programs add
        for (int i = 0; i < BLOCK_SIZE; i++) {
            byte value = i >= CHECKSUM && i < CHECKSUM + SHORT_NUMBER ? (byte) ' ' : block[i];
            unsigned += value & 0xFF;
            signed += value;
        }
        long expected = number(block, CHECKSUM, SHORT_NUMBER);
        if (expected != unsigned && expected != signed) throw broken("a header's checksum is wrong");
    }

    /**
     * Returns the block of an entry. What does not fit its field is cut or 0 there, and must stand in
     * {@linkplain PaxRecords records} before.
     */
    static byte[] of(TarEntry entry) {
        byte[] block = new byte[BLOCK_SIZE];
        Metadata metadata = entry.metadata();
        putText(block, NAME, NAME_LENGTH, entry.name());
        putOctal(block, MODE, SHORT_NUMBER - 1, metadata.permissions());
        putOctal(block, UID, SHORT_NUMBER - 1, Integer.toUnsignedLong(metadata.uid()));
        putOctal(block, GID, SHORT_NUMBER - 1, Integer.toUnsignedLong(metadata.gid()));
        putOctal(block, SIZE, LONG_NUMBER - 1, entry.size());
        putOctal(block, MTIME, LONG_NUMBER - 1, metadata.seconds());
        block[TYPE] = (byte) entry.type();
        putText(block, LINK_NAME, NAME_LENGTH, entry.linkName());
        putText(block, MAGIC, MAGIC_LENGTH + 2, USTAR_MAGIC + "00"); // and the version
        putOctal(block, DEVICE_MAJOR, SHORT_NUMBER - 1, entry.major());
        putOctal(block, DEVICE_MINOR, SHORT_NUMBER - 1, entry.minor());
        Arrays.fill(block, CHECKSUM, CHECKSUM + SHORT_NUMBER, (byte) ' ');
        int sum = 0;
        for (byte value : block) sum += value & 0xFF;
        putOctal(block, CHECKSUM, CHECKSUM_DIGITS, sum);
        block[CHECKSUM + CHECKSUM_DIGITS] = 0;
        return block;
    }

    /** Returns whether a user's or group's number fits its field. */
    static boolean fitsId(long number) {
        return fits(number, SHORT_NUMBER - 1);
    }

    /** Returns whether a size or a time in seconds fits its field. */
    static boolean fitsLong(long number) {
        return fits(number, LONG_NUMBER - 1);
    }

    /** Returns whether a raw name fits its field. */
    static boolean fitsName(String name) {
        return name.length() <= NAME_LENGTH;
    }

    private static boolean fits(long number, int digits) {
        return number >= 0 && number >>> (BITS_OF_DIGIT * digits) == 0;
    }

    private static void putText(byte[] block, int offset, int length, String raw) {
        byte[] bytes = RawName.bytes(raw);
        System.arraycopy(bytes, 0, block, offset, Math.min(length, bytes.length));
    }

    private static void putOctal(byte[] block, int offset, int digits, long number) {
        long value = fits(number, digits) ? number : 0;
        for (int i = digits - 1; i >= 0; i--) {
            block[offset + i] = (byte) ('0' + (value & 7));
            value >>>= BITS_OF_DIGIT;
        }
    }

    /** Returns whether a block is all zero: the end of an archive. */
    static boolean isEnd(byte[] block) {
        for (byte value : block) {
            if (value != 0) return false;
        }
        return true;
    }

    /** Returns what to throw if an archive is not as it must be. */
    public static RootContentException broken(String problem) {
        return new RootContentException("it is no intact tar archive: " + problem, "make or fetch it again");
    }

    char type() {
        return (char) (block[TYPE] & 0xFF);
    }

    /** Returns the raw name. */
    String name() {
        String name = text(block, NAME, NAME_LENGTH);
        boolean ustar = RawName.of(Arrays.copyOfRange(block, MAGIC, MAGIC + MAGIC_LENGTH))
                .equals(USTAR_MAGIC);
        String prefix = ustar ? text(block, PREFIX, PREFIX_LENGTH) : "";
        return prefix.isEmpty() ? name : prefix + "/" + name;
    }

    String linkName() {
        return text(block, LINK_NAME, NAME_LENGTH);
    }

    int mode() {
        return (int) number(block, MODE, SHORT_NUMBER);
    }

    long uid() {
        return number(block, UID, SHORT_NUMBER);
    }

    long gid() {
        return number(block, GID, SHORT_NUMBER);
    }

    long size() {
        return number(block, SIZE, LONG_NUMBER);
    }

    long modified() {
        return number(block, MTIME, LONG_NUMBER);
    }

    /** Returns the size with holes of a file that is stored without them, in GNU's form. */
    long sparseSize() {
        return number(block, SPARSE_SIZE, LONG_NUMBER);
    }

    /** Adds the pieces in this header; returns whether a block with more follows. */
    boolean sparsePieces(SparseMap to) {
        return sparsePieces(block, to, SPARSE, SPARSE_PIECES, SPARSE_CONTINUES);
    }

    /** Adds the pieces in a block behind the header; returns whether another one follows. */
    static boolean sparsePieces(byte[] block, SparseMap to) {
        return sparsePieces(block, to, 0, MORE_PIECES, MORE_CONTINUES);
    }

    private static boolean sparsePieces(byte[] block, SparseMap to, int at, int pieces, int continues) {
        for (int i = 0; i < 2 * pieces; i++) {
            int field = at + i * LONG_NUMBER;
            if (block[field] == 0) break; // not used
            to.add(number(block, field, LONG_NUMBER));
        }
        return block[continues] != 0;
    }

    int deviceMajor() {
        return (int) number(block, DEVICE_MAJOR, SHORT_NUMBER);
    }

    int deviceMinor() {
        return (int) number(block, DEVICE_MINOR, SHORT_NUMBER);
    }

    private static String text(byte[] block, int offset, int length) {
        int end = offset;
        while (end < offset + length && block[end] != 0) end++;
        return RawName.of(Arrays.copyOfRange(block, offset, end));
    }

    private static long number(byte[] block, int offset, int length) {
        return (block[offset] & BINARY) != 0 ? binary(block, offset, length) : octal(block, offset, length);
    }

    private static long binary(byte[] block, int offset, int length) {
        boolean negative = (block[offset] & BINARY_SIGN) != 0;
        int filler = negative ? 0xFF : 0; // bytes before the last eight
        long value = negative ? -1 : 0;
        for (int i = offset; i < offset + length; i++) {
            int next = block[i] & 0xFF;
            if (i == offset) next = negative ? next : next & ~BINARY;
            if (i < offset + length - Long.BYTES && next != filler) throw broken("a number has more than 64 bits");
            value = (value << Byte.SIZE) | next;
        }
        return value;
    }

    private static long octal(byte[] block, int offset, int length) {
        String digits = text(block, offset, length).strip();
        try {
            return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
        } catch (NumberFormatException e) {
            throw broken("a header has '%s' where a number must be".formatted(RawName.text(digits)));
        }
    }
}
