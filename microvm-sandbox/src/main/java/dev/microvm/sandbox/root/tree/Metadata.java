package dev.microvm.sandbox.root.tree;

import java.util.Map;

/**
 * What a file has besides its type and content.
 *
 * @param permissions 0 to 07777, with set-user-ID, set-group-ID and sticky bits
 * @param uid owner, an unsigned number
 * @param gid group, an unsigned number
 * @param seconds time of the last change of the content, since 1970
 * @param nanos its fraction, in nanoseconds
 * @param attributes extended attributes by their whole names, such as {@code user.note}
 */
public record Metadata(int permissions, int uid, int gid, long seconds, int nanos, Map<String, byte[]> attributes) {
    /** Permission bits, as in {@code <linux/stat.h>}. */
    public static final int PERMISSIONS = 07777;

    /** That of a directory that an archive implies: root's, mode 0755, at the epoch. */
    public static final Metadata IMPLIED = new Metadata(0755, 0, 0, 0, 0, Map.of());
}
