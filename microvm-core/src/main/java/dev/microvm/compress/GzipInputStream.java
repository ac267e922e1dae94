package dev.microvm.compress;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Unpacks one member of a gzip file, or all of them. For one thread.
 *
 * <p>Source: RFC 1952. The JDK's own class ends in a StackOverflowError if there are many empty
 * members, and does not say where in its input a member ends.
 */
public final class GzipInputStream extends InputStream {
    private static final String FORMAT = "gzip";
    private static final int INPUT_SIZE = 64 * 1024; // bytes read at once

    // Member header: 2.3
    private static final int ID1 = 0x1F;
    private static final int ID2 = 0x8B;
    private static final int DEFLATE = 8; // CM
    private static final int FHCRC = 1 << 1;
    private static final int FEXTRA = 1 << 2;
    private static final int FNAME = 1 << 3;
    private static final int FCOMMENT = 1 << 4;
    private static final int RESERVED = 0xE0;
    private static final int MTIME_TO_OS = 6; // bytes of MTIME, XFL and OS
    private static final int MAX_TEXT = 64 * 1024; // bytes of a name or comment; ours

    private final InputStream in;
    private final boolean allMembers;
    private final Inflater inflater = new Inflater(/* nowrap= */ true);
    private final CRC32 crc = new CRC32();
    private final byte[] input = new byte[INPUT_SIZE];
    private int filled; // bytes of input
    private boolean ended;

    /**
     * Begins the first member.
     *
     * @param in must support {@link InputStream#mark}; after the end it is behind the last member
     *     that was read
     * @param allMembers whether to continue with the members that follow; anything else that
     *     follows is ignored
     * @throws CompressionException if it does not begin as a gzip file; reading may also throw it
     * @throws IOException if {@code in} cannot be read
     */
    public GzipInputStream(InputStream in, boolean allMembers) throws IOException {
        if (!in.markSupported()) throw new IllegalArgumentException("in: must support mark");
        this.in = in;
        this.allMembers = allMembers;
        try {
            readHeader();
        } catch (CompressionException | IOException e) {
            inflater.end();
            throw e;
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        if (length == 0) return 0;
        while (!ended) {
            int count = inflate(to, offset, length);
            if (count > 0) {
                crc.update(to, offset, count);
                return count;
            }
            if (inflater.finished()) {
                endMember();
            } else {
                fill();
            }
        }
        return -1;
    }

    @Override
    public void close() throws IOException {
        ended = true;
        inflater.end();
        in.close();
    }

    private int inflate(byte[] to, int offset, int length) {
        try {
            int count = inflater.inflate(to, offset, length);
            if (inflater.needsDictionary()) throw corrupt("one that needs a dictionary");
            return count;
        } catch (DataFormatException e) {
            throw new CompressionException(FORMAT, String.valueOf(e.getMessage()), e);
        }
    }

    private void fill() throws IOException {
        in.mark(INPUT_SIZE); // endMember returns what is behind the member
        int count = in.read(input, 0, input.length);
        if (count < 0) throw cutShort();
        filled = count;
        inflater.setInput(input, 0, count);
    }

    private void endMember() throws IOException {
        int surplus = inflater.getRemaining();
        if (surplus > 0) {
            in.reset();
            in.skipNBytes(filled - surplus);
        }
        int expected = (int) readNumber(Integer.BYTES);
        long size = readNumber(Integer.BYTES);
        if (expected != (int) crc.getValue() || size != Integer.toUnsignedLong((int) inflater.getBytesWritten())) {
            throw corrupt("one whose checksum or size is not what its end says");
        }
        if (allMembers && nextIsMember()) {
            inflater.reset();
            crc.reset();
            readHeader();
        } else {
            ended = true;
        }
    }

    private boolean nextIsMember() throws IOException {
        in.mark(2);
        boolean member = in.read() == ID1 && in.read() == ID2;
        in.reset();
        return member;
    }

    private void readHeader() throws IOException {
        if (readByte() != ID1 || readByte() != ID2 || readByte() != DEFLATE) throw corrupt("another header");
        int flags = readByte();
        if ((flags & RESERVED) != 0) throw corrupt("a header with reserved flags: 0x%x".formatted(flags));
        skip(MTIME_TO_OS);
        if ((flags & FEXTRA) != 0) skip((int) readNumber(Short.BYTES));
        if ((flags & FNAME) != 0) skipText();
        if ((flags & FCOMMENT) != 0) skipText();
        if ((flags & FHCRC) != 0) skip(Short.BYTES);
    }

    /** Passes over a text with a zero at its end. */
    private void skipText() throws IOException {
        for (int i = 0; i < MAX_TEXT; i++) {
            if (readByte() == 0) return;
        }
        throw corrupt("a name or comment of more than %d bytes".formatted(MAX_TEXT));
    }

    private void skip(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            readByte();
        }
    }

    private long readNumber(int size) throws IOException {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (long) readByte() << (i * Byte.SIZE);
        }
        return value;
    }

    private int readByte() throws IOException {
        int value = in.read();
        if (value < 0) throw cutShort();
        return value;
    }

    private static CompressionException cutShort() {
        return corrupt("one that is cut short");
    }

    private static CompressionException corrupt(String found) {
        return new CompressionException(FORMAT, found);
    }
}
