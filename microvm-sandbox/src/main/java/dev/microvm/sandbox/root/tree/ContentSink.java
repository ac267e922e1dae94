package dev.microvm.sandbox.root.tree;

import java.io.IOException;
import java.io.InputStream;

/** Takes the bytes of files, one file after the other, while their names are still being read. */
public interface ContentSink {
    /**
     * Takes {@code size} bytes.
     *
     * @throws java.io.EOFException if {@code in} ends before
     * @throws IOException if {@code in} cannot be read
     * @throws java.io.UncheckedIOException if the sink cannot be written
     */
    Content store(InputStream in, long size) throws IOException;

    /** Gives back the place of a file that was replaced or removed. */
    void release(Content content);
}
