package dev.microvm.sandbox.files;

import dev.microvm.sandbox.agent.FileStat;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.util.EnumSet;
import java.util.Set;

/** What a file of a guest is. */
record GuestAttributes(FileStat stat) implements PosixFileAttributes {
    /** A user or group of a guest, by its number. */
    record Principal(int id) implements GroupPrincipal {
        @Override
        public String getName() {
            return Integer.toUnsignedString(id);
        }
    }

    static int mode(Set<PosixFilePermission> permissions) {
        int mode = 0;
        for (PosixFilePermission each : permissions) mode |= bit(each);
        return mode;
    }

    private static int bit(PosixFilePermission permission) {
        return 0400 >> permission.ordinal(); // in the order of rwxrwxrwx
    }

    @Override
    public UserPrincipal owner() {
        return new Principal(stat.uid());
    }

    @Override
    public GroupPrincipal group() {
        return new Principal(stat.gid());
    }

    @Override
    public Set<PosixFilePermission> permissions() {
        Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
        for (PosixFilePermission each : PosixFilePermission.values()) {
            if ((stat.mode() & bit(each)) != 0) permissions.add(each);
        }
        return permissions;
    }

    @Override
    public FileTime lastModifiedTime() {
        return FileTime.from(stat.modified());
    }

    @Override
    public FileTime lastAccessTime() {
        return FileTime.from(stat.accessed());
    }

    /** Returns the time of the last change: Linux's stat(2) has no other. */
    @Override
    public FileTime creationTime() {
        return FileTime.from(stat.changed());
    }

    @Override
    public boolean isRegularFile() {
        return stat.is(FileStat.REGULAR);
    }

    @Override
    public boolean isDirectory() {
        return stat.is(FileStat.DIRECTORY);
    }

    @Override
    public boolean isSymbolicLink() {
        return stat.is(FileStat.SYMLINK);
    }

    @Override
    public boolean isOther() {
        return !isRegularFile() && !isDirectory() && !isSymbolicLink();
    }

    @Override
    public long size() {
        return stat.size();
    }

    @Override
    public Object fileKey() {
        return stat.device() + ":" + stat.inode();
    }
}
