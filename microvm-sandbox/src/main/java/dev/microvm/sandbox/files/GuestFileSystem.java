package dev.microvm.sandbox.files;

import dev.microvm.sandbox.agent.RemoteFiles;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.WatchService;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.List;
import java.util.Set;

/** The files of a guest. Relative paths begin at the root. Owners are numbers. */
public final class GuestFileSystem extends FileSystem {
    private final GuestFileSystemProvider provider;
    private final String name;

    /**
     * Makes one.
     *
     * @param files of the guest
     * @param name of the machine
     */
    public GuestFileSystem(RemoteFiles files, String name) {
        provider = new GuestFileSystemProvider(this, files);
        this.name = name;
    }

    @Override
    public FileSystemProvider provider() {
        return provider;
    }

    RemoteFiles files() {
        return provider.files();
    }

    /** Has no effect: it ends with the guest. */
    @Override
    public void close() {}

    @Override
    public boolean isOpen() {
        return true;
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public String getSeparator() {
        return "/";
    }

    @Override
    public Iterable<Path> getRootDirectories() {
        return List.of(getPath("/"));
    }

    @Override
    public Iterable<FileStore> getFileStores() {
        return List.of(new GuestFileStore(provider.files(), "/"));
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
        return Set.of("basic", "posix");
    }

    @Override
    public GuestPath getPath(String first, String... more) {
        StringBuilder path = new StringBuilder(first);
        for (String each : more) {
            if (!path.isEmpty() && !each.isEmpty()) path.append('/');
            path.append(each);
        }
        return GuestPath.of(this, path.toString());
    }

    /** Matches as the host's file system does. */
    @Override
    public PathMatcher getPathMatcher(String syntaxAndPattern) {
        PathMatcher matcher = FileSystems.getDefault().getPathMatcher(syntaxAndPattern);
        return path -> matcher.matches(Path.of(path.toString()));
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
        throw new UnsupportedOperationException("users of a guest are numbers");
    }

    @Override
    public WatchService newWatchService() {
        return new GuestWatchService();
    }

    @Override
    public String toString() {
        return "files of the guest " + name;
    }
}
