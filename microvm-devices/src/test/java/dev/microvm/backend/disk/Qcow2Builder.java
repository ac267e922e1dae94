package dev.microvm.backend.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Makes a small qcow2 image by hand, so that a test can make it wrong; without QEMU. */
final class Qcow2Builder {
    static final int CLUSTER_BITS = 12;
    static final int CLUSTER = 1 << CLUSTER_BITS;
    static final long SIZE = 8 << 20; // bytes of the disk: four L2 tables

    // What is in which cluster.
    static final int REFCOUNT_TABLE = CLUSTER;
    static final int REFCOUNT_BLOCK = 2 * CLUSTER;
    static final int L1 = 3 * CLUSTER;
    static final int L2 = 4 * CLUSTER;
    static final int DATA = 5 * CLUSTER; // of the first cluster of the disk
    static final int END = 6 * CLUSTER;

    private final ByteBuffer bytes = ByteBuffer.allocate(END);

    /** Starts an intact image of version 3. */
    Qcow2Builder() {
        putInt(Qcow2Format.MAGIC, Qcow2Format.MAGIC_VALUE);
        putInt(Qcow2Format.VERSION, 3);
        putInt(Qcow2Format.CLUSTER_BITS, CLUSTER_BITS);
        putLong(Qcow2Format.SIZE, SIZE);
        putInt(Qcow2Format.L1_SIZE, 4);
        putLong(Qcow2Format.L1_TABLE_OFFSET, L1);
        putLong(Qcow2Format.REFCOUNT_TABLE_OFFSET, REFCOUNT_TABLE);
        putInt(Qcow2Format.REFCOUNT_TABLE_CLUSTERS, 1);
        putInt(Qcow2Format.REFCOUNT_ORDER, 4);
        putInt(Qcow2Format.HEADER_LENGTH, Qcow2Format.HEADER_SIZE_V3);
        putLong(REFCOUNT_TABLE, REFCOUNT_BLOCK);
        for (int cluster = 0; cluster < END / CLUSTER; cluster++) {
            bytes.putShort(REFCOUNT_BLOCK + cluster * Short.BYTES, (short) 1);
        }
        putLong(L1, L2 | Qcow2Format.COPIED);
        putLong(L2, DATA | Qcow2Format.COPIED);
        for (int at = DATA; at < END; at++) {
            bytes.put(at, (byte) 0xda);
        }
    }

    Qcow2Builder putInt(int at, int value) {
        bytes.putInt(at, value);
        return this;
    }

    Qcow2Builder putLong(int at, long value) {
        bytes.putLong(at, value);
        return this;
    }

    /** Puts a text at a place. */
    Qcow2Builder putText(int at, String text) {
        for (int i = 0; i < text.length(); i++) {
            bytes.put(at + i, (byte) text.charAt(i));
        }
        return this;
    }

    byte[] bytes() {
        return bytes.array().clone();
    }

    Path write(Path path) throws IOException {
        return Files.write(path, bytes.array());
    }
}
