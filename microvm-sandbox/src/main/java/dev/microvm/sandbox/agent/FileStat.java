package dev.microvm.sandbox.agent;

import java.nio.ByteBuffer;
import java.time.Instant;

/**
 * What the guest's kernel knows of a file: stat(2).
 *
 * @param mode its type and permissions
 * @param uid its owner
 * @param gid its group
 * @param size bytes
 * @param inode its number
 * @param device of its file system
 * @param links names that it has
 * @param accessed when it was read
 * @param modified when its content was changed
 * @param changed when anything of it was changed
 */
public record FileStat(
        int mode,
        int uid,
        int gid,
        long size,
        long inode,
        long device,
        long links,
        Instant accessed,
        Instant modified,
        Instant changed) {
    /** The bits of {@link #mode} that are the type. */
    public static final int TYPE = 0170000;

    public static final int DIRECTORY = 0040000;
    public static final int REGULAR = 0100000;
    public static final int SYMLINK = 0120000;

    static final int BYTES = 14 * Long.BYTES;
    private static final long LAST_SECOND = 1L << 40; // far beyond all calendars in use
    private static final long LAST_NANO = 999_999_999;

    static FileStat read(ByteBuffer from) throws AgentProtocolException {
        if (from.remaining() < BYTES) throw new AgentProtocolException("a file's figures that are too short");
        FileStat stat = new FileStat(
                (int) from.getLong(),
                (int) from.getLong(),
                (int) from.getLong(),
                Math.max(0, from.getLong()),
                from.getLong(),
                from.getLong(),
                from.getLong(),
                instant(from),
                instant(from),
                instant(from));
        from.getLong(); // which device a device node is
        return stat;
    }

    private static Instant instant(ByteBuffer from) {
        return Instant.ofEpochSecond(
                Math.clamp(from.getLong(), -LAST_SECOND, LAST_SECOND), Math.clamp(from.getLong(), 0, LAST_NANO));
    }

    /** Returns whether it has this type. */
    public boolean is(int type) {
        return (mode & TYPE) == type;
    }
}
