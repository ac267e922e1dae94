package dev.microvm.boot.image;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;

/** An image in a gzip file (RFC 1952). Any thread may use it. */
public final class GzipImage implements ImageSource {
    private static final int MAGIC = 0x8B1F; // ID1, ID2
    private static final int INPUT_BUFFER_SIZE = 64 * 1024; // bytes

    private final byte[] file;

    /** The image in {@code file}, which {@link #matches}. */
    public GzipImage(byte[] file) {
        this.file = file;
    }

    /** Whether these bytes begin like a gzip file. */
    public static boolean matches(byte[] head) {
        return head.length >= Short.BYTES && LittleEndian.getUnsignedShort(head, 0) == MAGIC;
    }

    /**
     * Unpacks the first {@code max} bytes, or all if there are fewer.
     *
     * @throws InvalidImageException if they cannot be unpacked
     */
    public byte[] head(int max) {
        try (InputStream in = stream()) {
            return in.readNBytes(max);
        } catch (IOException e) {
            throw corrupt(e);
        }
    }

    @Override
    public ImageReader open(long limit) {
        try {
            return new StreamImageReader(stream(), "GZIP");
        } catch (IOException e) {
            throw corrupt(e);
        }
    }

    private InputStream stream() throws IOException {
        return new GZIPInputStream(new ByteArrayInputStream(file), INPUT_BUFFER_SIZE);
    }

    private static InvalidImageException corrupt(IOException cause) {
        return new InvalidImageException(
                "an intact gzip file", "data that cannot be unpacked: " + cause.getMessage(), cause);
    }
}
