package dev.microvm.backend.disk;

import dev.microvm.compress.CompressionException;
import dev.microvm.compress.ZstdInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Decompresses clusters and keeps the last one. Not thread-safe. With zlib, a request allocates
 * nothing.
 */
final class Qcow2Inflater {
    private static final long NOTHING = 0; // an entry that names no compressed cluster

    private final ImageFile file;
    private final boolean zstd;
    private final MemorySegment stored;
    private final byte[] packed;
    private final byte[] cluster;
    private final Inflater inflater = new Inflater(/* nowrap= */ true); // RFC 1951 without a header
    private long present = NOTHING; // the L2 entry of what is in cluster

    Qcow2Inflater(ImageFile file, Qcow2Header header, Arena arena) {
        this.file = file;
        zstd = header.compressionType() == Qcow2Format.ZSTD;
        int clusterSize = (int) header.clusterSize();
        cluster = new byte[clusterSize];
        packed = new byte[2 * clusterSize]; // as many sectors as an entry can name
        stored = arena.allocate(packed.length, 8);
    }

    /**
     * Returns the content of the cluster of an L2 entry, compressed as {@code length} bytes at
     * {@code position} of the file.
     */
    byte[] unpack(long entry, long position, int length) {
        if (entry == present) return cluster;
        present = NOTHING;
        file.read(position, stored, 0, length);
        MemorySegment.copy(stored, ValueLayout.JAVA_BYTE, 0, packed, 0, length);
        if (zstd) {
            unpackZstd(position, length);
        } else {
            inflate(position, length);
        }
        present = entry;
        return cluster;
    }

    private void inflate(long position, int length) {
        inflater.reset();
        inflater.setInput(packed, 0, length);
        int done = 0;
        try {
            while (done < cluster.length) {
                int n = inflater.inflate(cluster, done, cluster.length - done);
                if (n == 0) throw corrupt(position, "it ends after %d bytes".formatted(done));
                done += n;
            }
        } catch (DataFormatException e) {
            throw corrupt(position, String.valueOf(e.getMessage()));
        }
    }

    private void unpackZstd(long position, int length) {
        InputStream frame = new ByteArrayInputStream(packed, 0, length);
        try (InputStream in = new ZstdInputStream(frame, cluster.length, heap -> {})) { // small: a cluster and a block
            int size = in.readNBytes(cluster, 0, cluster.length);
            if (size != cluster.length) throw corrupt(position, "it has %d bytes".formatted(size));
            if (in.read() >= 0) throw corrupt(position, "it has more than %d bytes".formatted(size));
        } catch (CompressionException | IOException e) {
            throw corrupt(position, String.valueOf(e.getMessage()));
        }
    }

    private BlockException corrupt(long position, String what) {
        return new BlockException(
                "disk image %s: compressed cluster at 0x%x: %s".formatted(file.path(), position, what));
    }

    void close() {
        inflater.end();
    }
}
