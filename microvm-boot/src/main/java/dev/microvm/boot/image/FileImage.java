package dev.microvm.boot.image;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;

/**
 * An image, or a part of one, as a file has it. Any thread may use it.
 *
 * @param start its first byte in the file
 * @param size in bytes
 */
public record FileImage(Path file, long start, long size) implements ImageSource {
    private static final int BUFFER_SIZE = 64 * 1024; // bytes

    @Override
    public ImageReader open(long limit, Cancellation cancellation) throws IOException {
        FileImageReader reader = new FileImageReader(file);
        reader.skip(start);
        return reader;
    }

    @Override
    public boolean isPacked() {
        return false;
    }

    /** Opens it as a stream, which supports {@link InputStream#mark}. */
    public InputStream stream() throws IOException {
        return new BufferedInputStream(new FileRegionStream(open(size, Cancellation.NEVER), size), BUFFER_SIZE);
    }
}
