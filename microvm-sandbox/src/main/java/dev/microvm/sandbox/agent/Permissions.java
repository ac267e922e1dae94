package dev.microvm.sandbox.agent;

import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Permissions as the bits of a file's mode. */
public final class Permissions {
    private static final int FIRST = 0400;

    private static final List<PosixFilePermission> ORDER = List.of(
            PosixFilePermission.OWNER_READ,
            PosixFilePermission.OWNER_WRITE,
            PosixFilePermission.OWNER_EXECUTE,
            PosixFilePermission.GROUP_READ,
            PosixFilePermission.GROUP_WRITE,
            PosixFilePermission.GROUP_EXECUTE,
            PosixFilePermission.OTHERS_READ,
            PosixFilePermission.OTHERS_WRITE,
            PosixFilePermission.OTHERS_EXECUTE);

    private Permissions() {}

    /** Returns the bits of these permissions. */
    public static int mode(Set<PosixFilePermission> permissions) {
        int mode = 0;
        for (int i = 0; i < ORDER.size(); i++) {
            if (permissions.contains(ORDER.get(i))) mode |= FIRST >> i;
        }
        return mode;
    }

    /** Returns the permissions that a mode has, as a set of its own. */
    public static Set<PosixFilePermission> of(int mode) {
        Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
        for (int i = 0; i < ORDER.size(); i++) {
            if ((mode & FIRST >> i) != 0) permissions.add(ORDER.get(i));
        }
        return permissions;
    }
}
