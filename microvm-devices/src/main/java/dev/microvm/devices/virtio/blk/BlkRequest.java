package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.devices.virtio.VirtqueueException;
import dev.microvm.devices.virtio.worker.WorkerRequest;
import org.jspecify.annotations.Nullable;

/**
 * One request of the driver's: VIRTIO 1.2, section 5.2.6. Used again when it is done; for one
 * thread at a time.
 */
final class BlkRequest extends WorkerRequest<BlkRequest> {
    final Virtqueue queue;

    private @Nullable DescriptorChain chain;
    private int type;
    private long sector;
    private int status;

    BlkRequest(Virtqueue queue) {
        this.queue = queue;
    }

    /** Reads the header, once; throws if there is none, or no room for a status. */
    void begin(DescriptorChain of) {
        if (of.readable().length() < HEADER_SIZE || of.writable().length() < STATUS_SIZE) {
            throw new VirtqueueException("a block request of %d and %d bytes, without header or status, 5.2.6"
                    .formatted(of.readable().length(), of.writable().length()));
        }
        chain = of;
        type = of.readable().getInt(REQUEST_TYPE);
        sector = of.readable().getLong(REQUEST_SECTOR);
    }

    /**
     * Returns how many bytes a limit on the disk's rate counts; negative if it does not count the
     * request at all. Flushes are not counted, because a driver must be able to make its data safe.
     * Zeroes are, as a disk may have to write them.
     */
    long chargedBytes() {
        return switch (type) {
            case T_IN -> chain().writable().length() - STATUS_SIZE;
            case T_OUT -> chain().readable().length() - HEADER_SIZE;
            case T_DISCARD -> 0;
            case T_WRITE_ZEROES -> zeroedBytes();
            default -> -1;
        };
    }

    /** Returns the length of the range to zero; one that is wrong is refused by {@link BlkExecutor}. */
    private long zeroedBytes() {
        GuestBuffer buffer = chain().readable();
        if (buffer.length() < HEADER_SIZE + RANGE_SIZE) return 0;
        int sectors = buffer.getInt(HEADER_SIZE + RANGE_SECTORS);
        return Integer.compareUnsigned(sectors, BlkExecutor.MOST_RANGE_SECTORS) > 0
                ? 0
                : (long) sectors * BlockBackend.SECTOR_SIZE;
    }

    int type() {
        return type;
    }

    /** The first sector, as the driver wrote it: unsigned. */
    long sector() {
        return sector;
    }

    DescriptorChain chain() {
        DescriptorChain present = chain;
        if (present == null) throw new IllegalStateException("no request");
        return present;
    }

    void status(int value) {
        status = value;
    }

    /** Gives it back to the driver, which does not see it before the queue is published. */
    void stage() {
        DescriptorChain done = chain();
        chain = null;
        long length = done.writable().length();
        done.writable().putByte(length - STATUS_SIZE, status);
        queue.stage(done, length);
    }
}
