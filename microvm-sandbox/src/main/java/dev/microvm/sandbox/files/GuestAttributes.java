package dev.microvm.sandbox.files;

import dev.microvm.sandbox.agent.FileStat;
import dev.microvm.sandbox.agent.Permissions;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
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
        return Permissions.of(stat.mode());
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
