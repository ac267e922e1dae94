package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

/**
 * Checks a small image of version 3 with counts of 16 bits and without compressed clusters or
 * snapshots, as {@code qemu-img check} does: each cluster that is used is counted as often as it is
 * used, or more often after a failure.
 */
final class Qcow2Check {
    private final ByteBuffer image;
    private final int clusterBits;
    private final Map<Long, Integer> uses = new HashMap<>();

    private Qcow2Check(byte[] image) {
        this.image = ByteBuffer.wrap(image);
        clusterBits = this.image.getInt(Qcow2Format.CLUSTER_BITS);
    }

    /** Fails if the image is not consistent. */
    static void check(byte[] image) {
        new Qcow2Check(image).check();
    }

    private void check() {
        use(0, 1);
        long table = image.getLong(Qcow2Format.REFCOUNT_TABLE_OFFSET);
        int tableClusters = image.getInt(Qcow2Format.REFCOUNT_TABLE_CLUSTERS);
        use(table, tableClusters);
        long entries = ((long) tableClusters << clusterBits) / Long.BYTES;
        for (long i = 0; i < entries; i++) {
            long block = read(table + i * Long.BYTES);
            if (block != 0) use(block, 1);
        }
        long l1 = image.getLong(Qcow2Format.L1_TABLE_OFFSET);
        int l1Size = image.getInt(Qcow2Format.L1_SIZE);
        use(l1, (int) ((l1Size * (long) Long.BYTES - 1) >> clusterBits) + 1);
        for (long i = 0; i < l1Size; i++) {
            useTable(read(l1 + i * Long.BYTES));
        }
        uses.forEach((cluster, count) -> assertThat(refcount(table, cluster))
                .as("refcount of cluster %d", cluster)
                .isGreaterThanOrEqualTo(count));
    }

    private void useTable(long entry) {
        long l2 = entry & Qcow2Format.OFFSET_MASK;
        if (l2 == 0) return;
        use(l2, 1);
        for (long at = l2; at < l2 + (1L << clusterBits); at += Long.BYTES) {
            long data = read(at) & Qcow2Format.OFFSET_MASK;
            if (data != 0) use(data, 1);
        }
    }

    private void use(long position, int clusters) {
        assertThat(position & ((1L << clusterBits) - 1))
                .as("alignment of 0x%x", position)
                .isZero();
        for (int i = 0; i < clusters; i++) uses.merge((position >> clusterBits) + i, 1, Integer::sum);
    }

    private int refcount(long table, long cluster) {
        long counts = (1L << clusterBits) / Short.BYTES;
        long block = read(table + cluster / counts * Long.BYTES);
        if (block == 0) return 0;
        long at = block + cluster % counts * Short.BYTES;
        return at + Short.BYTES <= image.capacity() ? image.getShort((int) at) & 0xFFFF : 0;
    }

    private long read(long at) {
        return at + Long.BYTES <= image.capacity() ? image.getLong((int) at) : 0;
    }
}
