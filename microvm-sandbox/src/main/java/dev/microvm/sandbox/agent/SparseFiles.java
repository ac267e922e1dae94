package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** Writes files whose blocks of zeros become holes, where the file system has such. */
final class SparseFiles {
    private static final int BLOCK = 4096; // bytes, of most file systems
    private static final int BUFFER = 16 * BLOCK;
    private static final byte[] ZEROS = new byte[BLOCK];

    private SparseFiles() {}

    /**
     * Writes all of a stream to a new file, in place of one that is there.
     *
     * @throws IOException if it cannot be written, or the stream cannot be read
     */
    static void write(InputStream content, Path target) throws IOException {
        Files.deleteIfExists(target);
        byte[] bytes = new byte[BUFFER];
        long size = 0;
        try (FileChannel file = FileChannel.open(
                target, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW, StandardOpenOption.SPARSE)) {
            for (int n = content.readNBytes(bytes, 0, BUFFER); n > 0; n = content.readNBytes(bytes, 0, BUFFER)) {
                writeData(file, size, bytes, n);
                size += n;
            }
            if (file.size() < size) write(file, size - 1, ByteBuffer.wrap(ZEROS, 0, 1)); // it ends with a hole
        }
    }

    /** Writes each run of blocks that are not all zero. */
    private static void writeData(FileChannel file, long position, byte[] bytes, int length) throws IOException {
        int begin = 0;
        for (int block = 0; block < length; block += BLOCK) {
            int end = Math.min(block + BLOCK, length);
            if (!Arrays.equals(bytes, block, end, ZEROS, 0, end - block)) continue;
            write(file, position + begin, ByteBuffer.wrap(bytes, begin, block - begin));
            begin = end;
        }
        write(file, position + begin, ByteBuffer.wrap(bytes, begin, length - begin));
    }

    private static void write(FileChannel file, long position, ByteBuffer data) throws IOException {
        int start = data.position();
        while (data.hasRemaining()) file.write(data, position + data.position() - start);
    }
}
