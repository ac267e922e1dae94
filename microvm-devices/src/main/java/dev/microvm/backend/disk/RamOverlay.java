package dev.microvm.backend.disk;

import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the writes to a disk in memory. The disk below is only read, and {@link #reset} forgets all
 * writes.
 *
 * <p>Any thread may call; one call runs at a time. Each chunk of 64 KiB takes memory outside the
 * heap when it is first written, up to a limit. A write beyond the limit fails. A flush does
 * nothing: the writes exist as long as the machine.
 */
public final class RamOverlay implements BlockBackend, Stateful {
    private static final String STATE_TYPE = "ram-overlay";
    private static final int STATE_VERSION = 1;

    private static final int CHUNK_BITS = 16;
    private static final int CHUNK_SIZE = 1 << CHUNK_BITS; // bytes
    private static final int GROUP_BITS = 10; // chunks in a group: the table of a large disk is not made at once
    private static final int GROUP_SIZE = 1 << GROUP_BITS;
    private static final long GROUP_BYTES = (long) GROUP_SIZE * Long.BYTES; // of heap

    /** The largest disk in bytes, 64 TiB: its table of groups takes 8 MiB. */
    private static final long MAX_SIZE = 1L << 46;

    /** The empty segment, which stands for a chunk of zeroes. */
    private static final MemorySegment ZERO = MemorySegment.NULL;

    private static final class Group {
        private final @Nullable MemorySegment[] chunks = new MemorySegment[GROUP_SIZE];
    }

    private final BlockBackend base;
    private final long limit;
    private @Nullable Group[] groups;
    private Arena arena = Arena.ofShared();
    private @Nullable MemorySegment spare; // allocated for a write that failed; the arena cannot free it alone
    private long used; // bytes of memory
    private boolean closed;

    /**
     * Makes an overlay on a disk. Closing the overlay closes the disk.
     *
     * @param limit maximum memory for writes in bytes, 0 or more; the size of the disk is enough
     *     for all writes
     * @throws IllegalArgumentException if the limit is negative
     * @throws BlockException if the disk is larger than 64 TiB
     */
    public RamOverlay(BlockBackend base, long limit) {
        Objects.requireNonNull(base, "base");
        if (limit < 0) throw new IllegalArgumentException("limit: 0 or more bytes, was " + limit);
        if (base.size() > MAX_SIZE) {
            throw new BlockException("a disk with an overlay has at most %d bytes, but this one has %d; use an empty"
                            .formatted(MAX_SIZE, base.size())
                    + " qcow2 image on top of it instead");
        }
        this.base = base;
        this.limit = limit;
        groups = emptyTable();
    }

    private @Nullable Group[] emptyTable() {
        return new Group[Math.toIntExact(((size() - 1) >>> (CHUNK_BITS + GROUP_BITS)) + 1)];
    }

    /** Forgets all writes, so that the disk has the content of the one below. */
    public synchronized void reset() {
        arena.close();
        arena = Arena.ofShared();
        spare = null;
        groups = emptyTable();
        used = 0;
    }

    /** Returns the memory that writes have taken, in bytes. */
    public synchronized long usedBytes() {
        return used;
    }

    @Override
    public void cancelledBy(BooleanSupplier cancelled) {
        Objects.requireNonNull(cancelled, "cancelled");
        base.cancelledBy(cancelled);
    }

    @Override
    public long size() {
        return base.size();
    }

    @Override
    public boolean readOnly() {
        return false;
    }

    @Override
    public int discardUnit() {
        return CHUNK_SIZE;
    }

    @Override
    public synchronized void read(long position, MemorySegment to, long offset, long length) {
        Objects.requireNonNull(to, "to");
        Objects.checkFromIndexSize(position, length, size());
        for (long done = 0; done < length; ) {
            long at = position + done;
            MemorySegment chunk = chunk(at >>> CHUNK_BITS);
            long n = Math.min(length - done, CHUNK_SIZE - inChunk(at));
            if (chunk == null) {
                while (n < length - done && chunk((at + n) >>> CHUNK_BITS) == null) {
                    n = Math.min(length - done, n + CHUNK_SIZE);
                }
                base.read(at, to, offset + done, n);
            } else if (isZero(chunk)) {
                to.asSlice(offset + done, n).fill((byte) 0);
            } else {
                MemorySegment.copy(chunk, inChunk(at), to, offset + done, n);
            }
            done += n;
        }
    }

    @Override
    public synchronized void write(long position, MemorySegment from, long offset, long length) {
        Objects.requireNonNull(from, "from");
        Objects.checkFromIndexSize(position, length, size());
        for (long done = 0; done < length; ) {
            long at = position + done;
            long n = Math.min(length - done, CHUNK_SIZE - inChunk(at));
            MemorySegment.copy(from, offset + done, ownChunk(at >>> CHUNK_BITS, n == CHUNK_SIZE), inChunk(at), n);
            done += n;
        }
    }

    @Override
    public void flush() {}

    @Override
    public synchronized void discard(long position, long length) {
        Objects.checkFromIndexSize(position, length, size());
        long end = position + length;
        for (long at = (position + CHUNK_SIZE - 1) & -CHUNK_SIZE; at + CHUNK_SIZE <= end; at += CHUNK_SIZE) {
            if (limit - used < GROUP_BYTES) return; // the old content is allowed, too
            zeroChunk(at >>> CHUNK_BITS);
        }
    }

    @Override
    public synchronized void writeZeroes(long position, long length, boolean mayUnmap) {
        Objects.checkFromIndexSize(position, length, size());
        for (long done = 0; done < length; ) {
            long at = position + done;
            long index = at >>> CHUNK_BITS;
            long n = Math.min(length - done, CHUNK_SIZE - inChunk(at));
            if (n == CHUNK_SIZE) {
                zeroChunk(index);
            } else {
                MemorySegment present = chunk(index);
                if (present == null || !isZero(present)) {
                    ownChunk(index, /* whole= */ false).asSlice(inChunk(at), n).fill((byte) 0);
                }
            }
            done += n;
        }
    }

    private static long inChunk(long position) {
        return position & (CHUNK_SIZE - 1);
    }

    private static boolean isZero(MemorySegment chunk) {
        return chunk.byteSize() == 0;
    }

    private @Nullable MemorySegment chunk(long index) {
        Group group = groups[(int) (index >>> GROUP_BITS)];
        return group == null ? null : group.chunks[(int) index & (GROUP_SIZE - 1)];
    }

    private void setChunk(long index, MemorySegment chunk) {
        int at = (int) (index >>> GROUP_BITS);
        Group group = groups[at];
        if (group == null) {
            group = new Group();
            groups[at] = group;
        }
        group.chunks[(int) index & (GROUP_SIZE - 1)] = chunk;
    }

    /**
     * Returns the chunk to write to. It has its current content, unless {@code whole} says that all
     * of it will be written.
     */
    private MemorySegment ownChunk(long index, boolean whole) {
        MemorySegment present = chunk(index);
        if (present != null && !isZero(present)) return present;
        checkRoom(CHUNK_SIZE);
        MemorySegment chunk = spare == null ? arena.allocate(CHUNK_SIZE, Long.BYTES) : spare.fill((byte) 0);
        spare = chunk; // until nothing can fail any more
        if (present == null && !whole) {
            long start = index << CHUNK_BITS;
            base.read(start, chunk, 0, Math.min(CHUNK_SIZE, size() - start));
        }
        setChunk(index, chunk);
        used += CHUNK_SIZE;
        spare = null;
        return chunk;
    }

    private void checkRoom(long bytes) {
        if (bytes > limit - used) {
            throw new BlockException("the overlay of the disk is full (limit %d bytes): set a higher limit, or reset it"
                    .formatted(limit));
        }
    }

    /**
     * Makes a chunk zero. A chunk with memory keeps it, because an arena can only free everything.
     * The first mark in a part of the disk takes some heap, which counts as memory for writes.
     */
    private void zeroChunk(long index) {
        MemorySegment present = chunk(index);
        if (present != null) {
            present.fill((byte) 0);
            return;
        }
        if (groups[(int) (index >>> GROUP_BITS)] == null) {
            checkRoom(GROUP_BYTES);
            used += GROUP_BYTES;
        }
        setChunk(index, ZERO);
    }

    /**
     * Saves the index and the content of each written chunk. The content of a chunk of zeroes is
     * empty.
     */
    @Override
    public synchronized DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION).put("size", size());
        ByteArrayOutputStream indices = new ByteArrayOutputStream();
        for (int i = 0; i < groups.length; i++) {
            Group group = groups[i];
            for (int j = 0; group != null && j < GROUP_SIZE; j++) {
                MemorySegment chunk = group.chunks[j];
                if (chunk == null) continue;
                long index = (long) i << GROUP_BITS | j;
                indices.writeBytes(
                        ByteBuffer.allocate(Long.BYTES).putLong(index).array());
                state.put(field(index), chunk.toArray(ValueLayout.JAVA_BYTE));
            }
        }
        return state.put("chunks", indices.toByteArray());
    }

    /**
     * Restores the writes of an overlay on a disk of the same size, which should have the same
     * content.
     */
    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        if (state.number("size") != size()) {
            throw new IllegalArgumentException("state of an overlay on a disk of %d bytes given to one of %d"
                    .formatted(state.number("size"), size()));
        }
        reset();
        ByteBuffer indices = ByteBuffer.wrap(state.bytes("chunks"));
        while (indices.remaining() >= Long.BYTES) {
            long index = indices.getLong();
            Objects.checkIndex(index, (size() + CHUNK_SIZE - 1) >> CHUNK_BITS);
            byte[] content = state.bytes(field(index));
            if (content.length != 0 && content.length != CHUNK_SIZE) {
                throw new IllegalArgumentException(
                        "chunk of %d bytes in the state of an overlay".formatted(content.length));
            }
            if (content.length == 0) {
                setChunk(index, ZERO);
            } else {
                MemorySegment.copy(
                        content, 0, ownChunk(index, /* whole= */ true), ValueLayout.JAVA_BYTE, 0, CHUNK_SIZE);
            }
        }
    }

    private static String field(long index) {
        return "chunk" + index;
    }

    @Override
    public synchronized void close() {
        if (closed) return;
        closed = true;
        arena.close();
        base.close();
    }
}
