package dev.microvm.devices.virtio.fs;

import static dev.microvm.devices.virtio.fs.FuseProtocol.*;
import static dev.microvm.linux.Errno.EINVAL;
import static dev.microvm.linux.Errno.ENAMETOOLONG;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.devices.virtio.VirtqueueException;
import dev.microvm.devices.virtio.worker.WorkerRequest;
import dev.microvm.linux.FileStat;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * One FUSE request: VIRTIO 1.2, section 5.11.6.1. Offsets of arguments and of the answer are those
 * of {@link FuseProtocol}, without the headers. Used again when it is done; for one thread at a
 * time.
 */
final class FuseRequest extends WorkerRequest<FuseRequest> {
    /** For how many seconds the guest may believe what it was told of a file. */
    private static final long VALID_SECONDS = 1;

    private static final int RWX = 0xFFF; // permissions, with set-user-ID, set-group-ID and sticky

    private final Virtqueue queue;
    private @Nullable DescriptorChain chain;
    private int opcode;
    private long unique;
    private long node;
    private int uid;
    private int gid;
    private long written;

    FuseRequest(Virtqueue queue) {
        this.queue = queue;
    }

    /** Reads the header, once; throws if there is none, or no room for the answer's. */
    void begin(DescriptorChain of) {
        GuestBuffer in = of.readable();
        if (in.length() < IN_HEADER) throw broken(of);
        chain = of;
        opcode = in.getInt(IN_OPCODE);
        unique = in.getLong(IN_UNIQUE);
        node = in.getLong(IN_NODE);
        uid = in.getInt(IN_UID);
        gid = in.getInt(IN_GID);
        written = 0;
        if (isAnswered() && of.writable().length() < OUT_HEADER) throw broken(of);
    }

    private static VirtqueueException broken(DescriptorChain of) {
        return new VirtqueueException(
                "a file system request of %d and %d bytes, without header or room for the answer's, 5.11.6.1"
                        .formatted(of.readable().length(), of.writable().length()));
    }

    private DescriptorChain chain() {
        DescriptorChain present = chain;
        if (present == null) throw new IllegalStateException("no request");
        return present;
    }

    Virtqueue queue() {
        return queue;
    }

    int opcode() {
        return opcode;
    }

    /** Whether the guest waits for an answer. */
    boolean isAnswered() {
        return opcode != FORGET && opcode != BATCH_FORGET && opcode != INTERRUPT;
    }

    /** The number of the file that it is about. */
    long node() {
        return node;
    }

    /** The user of the guest who asks. */
    int uid() {
        return uid;
    }

    /** The group of the user who asks. */
    int gid() {
        return gid;
    }

    // ---- arguments

    /** The bytes from the guest, the header included. */
    GuestBuffer in() {
        return chain().readable();
    }

    /** The bytes for the guest, the header included. */
    GuestBuffer out() {
        return chain().writable();
    }

    /** Returns whether there are so many bytes of arguments, and room for such an answer. */
    boolean has(int arguments, int answer) {
        return in().length() >= IN_HEADER + arguments && room() >= answer;
    }

    /** How many bytes of answer there is room for. */
    long room() {
        return out().length() - OUT_HEADER;
    }

    int getInt(int at) {
        return in().getInt((long) IN_HEADER + at);
    }

    long getLong(int at) {
        return in().getLong((long) IN_HEADER + at);
    }

    /**
     * Copies a C string out of the arguments, so that the guest cannot change what was checked.
     *
     * @param to room for the longest one
     * @return where the arguments continue, or {@code -errno}
     */
    int text(int at, MemorySegment to) {
        long left = in().length() - IN_HEADER - at;
        int length = (int) Math.min(left, to.byteSize());
        if (length <= 0) return -EINVAL;
        in().copyTo((long) IN_HEADER + at, to, 0, length);
        for (int end = 0; end < length; end++) {
            if (to.get(JAVA_BYTE, end) == 0) return at + end + 1;
        }
        return length < left ? -ENAMETOOLONG : -EINVAL;
    }

    // ---- the answer

    void putByte(long at, int value) {
        out().putByte(OUT_HEADER + at, value);
    }

    void putShort(long at, int value) {
        out().putShort(OUT_HEADER + at, value);
    }

    void putInt(long at, int value) {
        out().putInt(OUT_HEADER + at, value);
    }

    void putLong(long at, long value) {
        out().putLong(OUT_HEADER + at, value);
    }

    /** Writes struct fuse_entry_out. */
    void putEntry(long at, long id, FileStat stat, HostTree tree) {
        putLong(at + ENTRY_NODE, id);
        putLong(at + ENTRY_GENERATION, 0); // numbers do not come again
        putLong(at + ENTRY_VALID, VALID_SECONDS);
        putLong(at + ENTRY_ATTR_VALID, VALID_SECONDS);
        putInt(at + ENTRY_VALID_NANOS, 0);
        putInt(at + ENTRY_ATTR_VALID_NANOS, 0);
        putAttributes(at + ENTRY_ATTR, stat, tree);
    }

    /** Writes struct fuse_attr_out. */
    void putAttributeAnswer(FileStat stat, HostTree tree) {
        putLong(ATTR_OUT_VALID, VALID_SECONDS);
        putInt(ATTR_OUT_VALID_NANOS, 0);
        putInt(ATTR_OUT_DUMMY, 0);
        putAttributes(ATTR_OUT_ATTR, stat, tree);
    }

    private void putAttributes(long at, FileStat stat, HostTree tree) {
        putLong(at + ATTR_INODE, tree.inode(stat));
        putLong(at + ATTR_SIZE, stat.size());
        putLong(at + ATTR_BLOCKS, stat.blocks());
        putLong(at + ATTR_ATIME, stat.accessed());
        putLong(at + ATTR_MTIME, stat.modified());
        putLong(at + ATTR_CTIME, stat.changed());
        putInt(at + ATTR_ATIME_NANOS, stat.accessedNanos());
        putInt(at + ATTR_MTIME_NANOS, stat.modifiedNanos());
        putInt(at + ATTR_CTIME_NANOS, stat.changedNanos());
        putInt(at + ATTR_MODE, stat.type() | (stat.mode() & RWX));
        putInt(at + ATTR_LINKS, stat.links());
        putInt(at + ATTR_UID, tree.owners().guestUid(stat.uid()));
        putInt(at + ATTR_GID, tree.owners().guestGid(stat.gid()));
        putInt(at + ATTR_RDEV, 0); // a device of the host is none of the guest's
        putInt(at + ATTR_BLOCK_SIZE, stat.blockSize());
        putInt(at + ATTR_FLAGS, 0);
    }

    /**
     * Sets the result.
     *
     * @param result bytes of the answer that were written, or {@code -errno}
     */
    void finish(long result) {
        if (!isAnswered()) return;
        written = OUT_HEADER + Math.max(0, result);
        GuestBuffer out = out();
        out.putInt(OUT_LENGTH, (int) written);
        out.putInt(OUT_ERROR, (int) Math.min(0, result));
        out.putLong(OUT_UNIQUE, unique);
    }

    /** Gives it back to the driver, which does not see it before the queue is published. */
    void stage() {
        DescriptorChain done = chain();
        chain = null;
        queue.stage(done, written);
    }
}
