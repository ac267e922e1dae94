package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.backend.disk.BlockException;
import dev.microvm.backend.disk.RequestCancelledException;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.error.GuestNoise;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does what requests ask for. Several threads may, each with its own request; what goes wrong
 * becomes a status. A request that takes long can be interrupted, and is then done again from its
 * start: none of them does more when it is done twice.
 */
final class BlkExecutor {
    /** Sectors that one range may have: 1 GiB, so that a request has an end. */
    static final int MOST_RANGE_SECTORS = 1 << 21;

    /** Ranges in one request. */
    static final int MOST_RANGES = 1;

    private static final Logger log = LoggerFactory.getLogger(BlkExecutor.class);

    private static final int UNFINISHED = -1; // no status: it was interrupted
    private static final int SECTOR_SIZE = BlockBackend.SECTOR_SIZE;
    private static final long CHUNK = 4 << 20; // bytes between two looks at whether to go on
    private static final long DISCARD_CHUNK = 64 << 20; // the same for a discard, which moves no data

    private final String name;
    private volatile BlockBackend backend;
    private final byte[] id;
    private final BooleanSupplier pausing;
    private final GuestNoise failures = new GuestNoise();
    private volatile long features; // that were negotiated
    private volatile boolean writeThrough;
    private volatile boolean interrupted;

    /**
     * Makes an executor.
     *
     * @param name of the device, for the log
     * @param id what the driver gets as the device's ID: {@link BlkProtocol#ID_SIZE} bytes
     * @param pausing whether requests are to end unfinished, besides {@link #interrupt}
     */
    BlkExecutor(String name, BlockBackend backend, byte[] id, BooleanSupplier pausing) {
        this.name = name;
        this.backend = backend;
        this.id = id;
        this.pausing = pausing;
        backend.cancelledBy(this::interrupted);
    }

    /** Serves another disk from now on; called while no request is being served. */
    void backend(BlockBackend next) {
        next.cancelledBy(this::interrupted);
        backend = next;
    }

    /** What the driver has negotiated. */
    void features(long negotiated) {
        features = negotiated;
    }

    /** Whether a write is on the medium when it is done. */
    void writeThrough(boolean value) {
        writeThrough = value;
    }

    /** Sets whether requests are to end as soon as they can, unfinished. */
    void interrupt(boolean value) {
        interrupted = value;
    }

    /** Whether requests are to end as soon as they can. Called by the thread that serves one. */
    boolean interrupted() {
        return interrupted || pausing.getAsBoolean();
    }

    /**
     * Does a request and sets its status; returns false if it was interrupted and is to be done
     * again.
     */
    boolean execute(BlkRequest request) {
        int status = S_IOERR;
        try {
            status = switch (request.type()) {
                case T_IN -> read(request);
                case T_OUT -> write(request);
                case T_FLUSH -> flush();
                case T_GET_ID -> identify(request);
                case T_DISCARD -> has(F_DISCARD) ? changeRanges(request) : S_UNSUPP;
                case T_WRITE_ZEROES -> has(F_WRITE_ZEROES) ? changeRanges(request) : S_UNSUPP;
                default -> S_UNSUPP;
            };
        } catch (RequestCancelledException e) {
            status = UNFINISHED;
        } catch (BlockException e) {
            long n = failures.count();
            if (n != 0) log.warn("{}: {} requests failed, the last: {}", name, n, e.getMessage());
        } catch (RuntimeException | Error e) { // a defect of the back end's, or a host at its end
            log.error("{}: a request failed", name, e);
        }
        if (status == UNFINISHED) return false;
        request.status(status);
        return true;
    }

    private boolean has(long feature) {
        return (features & feature) != 0;
    }

    private int read(BlkRequest request) {
        GuestBuffer buffer = request.chain().writable();
        long length = buffer.length() - STATUS_SIZE;
        if (!isInside(request.sector(), length)) return S_IOERR;
        return transfer(buffer, 0, length, request.sector() * SECTOR_SIZE, /* write= */ false) ? S_OK : UNFINISHED;
    }

    private int write(BlkRequest request) {
        GuestBuffer buffer = request.chain().readable();
        long length = buffer.length() - HEADER_SIZE;
        if (backend.readOnly() || !isInside(request.sector(), length)) return S_IOERR;
        boolean done = transfer(buffer, HEADER_SIZE, length, request.sector() * SECTOR_SIZE, /* write= */ true);
        if (done && writeThrough) backend.flush();
        return done ? S_OK : UNFINISHED;
    }

    /** Whether {@code length} bytes are whole sectors of the disk. */
    private boolean isInside(long sector, long length) {
        long sectors = backend.size() / SECTOR_SIZE;
        return length % SECTOR_SIZE == 0
                && sector >= 0
                && sector <= sectors
                && length / SECTOR_SIZE <= sectors - sector;
    }

    /**
     * Moves bytes {@code [start, start + length)} of a buffer from or to the disk; returns false if
     * it was interrupted.
     */
    private boolean transfer(GuestBuffer buffer, long start, long length, long position, boolean write) {
        long end = start + length;
        long pieceStart = 0;
        for (int piece = 0; piece < buffer.pieces(); piece++) {
            long pieceEnd = pieceStart + buffer.length(piece);
            long from = Math.max(start, pieceStart);
            long to = Math.min(end, pieceEnd);
            while (from < to) {
                if (interrupted()) return false;
                long n = Math.min(CHUNK, to - from);
                long offset = buffer.offset(piece) + (from - pieceStart);
                if (write) backend.write(position + (from - start), buffer.segment(piece), offset, n);
                else backend.read(position + (from - start), buffer.segment(piece), offset, n);
                from += n;
            }
            pieceStart = pieceEnd;
        }
        return true;
    }

    private int flush() {
        backend.flush();
        return S_OK;
    }

    private int identify(BlkRequest request) {
        GuestBuffer buffer = request.chain().writable();
        buffer.copyFrom(0, id, 0, (int) Math.min(ID_SIZE, buffer.length() - STATUS_SIZE));
        return S_OK;
    }

    /** Discards or zeroes ranges: 5.2.6.2. */
    private int changeRanges(BlkRequest request) {
        GuestBuffer buffer = request.chain().readable();
        long length = buffer.length() - HEADER_SIZE;
        if (backend.readOnly() || length % RANGE_SIZE != 0 || length > (long) MOST_RANGES * RANGE_SIZE) return S_IOERR;
        boolean zero = request.type() == T_WRITE_ZEROES;
        for (long at = HEADER_SIZE; at < buffer.length(); at += RANGE_SIZE) {
            long sector = buffer.getLong(at + RANGE_SECTOR);
            long sectors = Integer.toUnsignedLong(buffer.getInt(at + RANGE_SECTORS));
            int flags = buffer.getInt(at + RANGE_FLAGS);
            if ((flags & ~(zero ? RANGE_F_UNMAP : 0)) != 0) return S_UNSUPP;
            if (sectors > MOST_RANGE_SECTORS || !isInside(sector, sectors * SECTOR_SIZE)) return S_IOERR;
            if (!changeRange(sector * SECTOR_SIZE, sectors * SECTOR_SIZE, zero, flags == RANGE_F_UNMAP))
                return UNFINISHED;
        }
        if (writeThrough) backend.flush();
        return S_OK;
    }

    private boolean changeRange(long position, long length, boolean zero, boolean mayUnmap) {
        // Pieces end where a unit of space ends: what is less than a unit is not discarded.
        long chunk = zero ? CHUNK : Math.max(DISCARD_CHUNK, Integer.highestOneBit(backend.discardUnit()));
        long end = position + length;
        for (long at = position; at < end; ) {
            if (interrupted()) return false;
            long next = Math.min(end, (at | (chunk - 1)) + 1);
            if (zero) backend.writeZeroes(at, next - at, mayUnmap);
            else backend.discard(at, next - at);
            at = next;
        }
        return true;
    }
}
