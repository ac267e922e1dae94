package dev.microvm.sandbox.files;

import static dev.microvm.sandbox.files.GuestFileSystemProvider.change;

import dev.microvm.sandbox.agent.Permissions;
import dev.microvm.sandbox.agent.RemoteFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads and changes what a file of a guest is. */
final class GuestAttributeView implements PosixFileAttributeView {
    private static final int UNCHANGED = -1; // of an owner or group

    private final GuestFileSystemProvider provider;
    private final Path path;
    private final String remote;
    private final boolean follow;

    GuestAttributeView(GuestFileSystemProvider provider, Path path, String remote, boolean follow) {
        this.provider = provider;
        this.path = path;
        this.remote = remote;
        this.follow = follow;
    }

    private RemoteFiles files() {
        return provider.files();
    }

    @Override
    public String name() {
        return "posix";
    }

    @Override
    public PosixFileAttributes readAttributes() throws IOException {
        return provider.stat(path, follow);
    }

    @Override
    public void setTimes(@Nullable FileTime modified, @Nullable FileTime accessed, @Nullable FileTime created)
            throws IOException {
        change(
                path,
                () -> files().changeTimes(
                                remote,
                                accessed == null ? null : accessed.toInstant(),
                                modified == null ? null : modified.toInstant()));
    }

    @Override
    public void setPermissions(Set<PosixFilePermission> permissions) throws IOException {
        change(path, () -> files().changeMode(remote, Permissions.mode(permissions)));
    }

    @Override
    public UserPrincipal getOwner() throws IOException {
        return readAttributes().owner();
    }

    @Override
    public void setOwner(UserPrincipal owner) throws IOException {
        change(path, () -> files().changeOwner(remote, number(owner), UNCHANGED));
    }

    @Override
    public void setGroup(GroupPrincipal group) throws IOException {
        change(path, () -> files().changeOwner(remote, UNCHANGED, number(group)));
    }

    private static int number(UserPrincipal principal) {
        if (principal instanceof GuestAttributes.Principal(int id)) return id;
        throw new UnsupportedOperationException("%s is no user of a guest".formatted(principal));
    }

    @SuppressWarnings("unchecked") // what the attribute "permissions" means
    void set(String name, Object value) throws IOException {
        switch (name.substring(name.indexOf(':') + 1)) {
            case "lastModifiedTime" -> setTimes((FileTime) value, null, null);
            case "lastAccessTime" -> setTimes(null, (FileTime) value, null);
            case "permissions" -> setPermissions((Set<PosixFilePermission>) value);
            case "owner" -> setOwner((UserPrincipal) value);
            case "group" -> setGroup((GroupPrincipal) value);
            default -> throw new UnsupportedOperationException(name);
        }
    }

    /** Returns the attributes with these names: {@code posix:*} or {@code size,owner}. */
    static Map<String, Object> byName(PosixFileAttributes from, String names) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("lastModifiedTime", from.lastModifiedTime());
        all.put("lastAccessTime", from.lastAccessTime());
        all.put("creationTime", from.creationTime());
        all.put("size", from.size());
        all.put("isRegularFile", from.isRegularFile());
        all.put("isDirectory", from.isDirectory());
        all.put("isSymbolicLink", from.isSymbolicLink());
        all.put("isOther", from.isOther());
        all.put("fileKey", from.fileKey());
        all.put("owner", from.owner());
        all.put("group", from.group());
        all.put("permissions", from.permissions());
        List<String> wanted =
                Arrays.asList(names.substring(names.indexOf(':') + 1).split(",", -1));
        if (!wanted.contains("*")) {
            if (!all.keySet().containsAll(wanted)) throw new IllegalArgumentException(names);
            all.keySet().retainAll(wanted);
        }
        return all;
    }
}
