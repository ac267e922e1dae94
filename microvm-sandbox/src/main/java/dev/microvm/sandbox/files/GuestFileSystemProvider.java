package dev.microvm.sandbox.files;

import dev.microvm.linux.Errno;
import dev.microvm.sandbox.agent.AgentErrorException;
import dev.microvm.sandbox.agent.FileStat;
import dev.microvm.sandbox.agent.Permissions;
import dev.microvm.sandbox.agent.RemoteFile;
import dev.microvm.sandbox.agent.RemoteFiles;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AccessMode;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What {@link Files} does with paths of a guest. */
final class GuestFileSystemProvider extends FileSystemProvider {
    private static final int ALL = 0777;
    private static final int DATA = 0666; // of files; Files gives no mode unless it is told one

    private final GuestFileSystem fileSystem;
    private final RemoteFiles files;

    GuestFileSystemProvider(GuestFileSystem fileSystem, RemoteFiles files) {
        this.fileSystem = fileSystem;
        this.files = files;
    }

    RemoteFiles files() {
        return files;
    }

    @Override
    public String getScheme() {
        return "microvm-guest";
    }

    @Override
    public FileSystem newFileSystem(URI uri, Map<String, ?> env) {
        throw new UnsupportedOperationException("see Agent.files");
    }

    @Override
    public FileSystem getFileSystem(URI uri) {
        throw new UnsupportedOperationException("see Agent.files");
    }

    @Override
    public Path getPath(URI uri) {
        throw new UnsupportedOperationException("see Agent.files");
    }

    private String remote(Path path) {
        if (path instanceof GuestPath own && own.getFileSystem() == fileSystem) return own.remote();
        throw new ProviderMismatchException("%s is no path of the %s".formatted(path, fileSystem));
    }

    /** An operation of the guest. */
    @FunctionalInterface
    interface Operation<T> {
        T run() throws IOException;
    }

    @FunctionalInterface
    interface Change {
        void run() throws IOException;
    }

    static void change(Path path, Change change) throws IOException {
        on(path, () -> {
            change.run();
            return true;
        });
    }

    /** Runs an operation, and gives its errors the types of {@code java.nio.file}. */
    static <T> T on(Path path, Operation<T> operation) throws IOException {
        try {
            return operation.run();
        } catch (AgentErrorException e) {
            String name = path.toString();
            FileSystemException failure = switch (e.number()) {
                case Errno.ENOENT -> new NoSuchFileException(name);
                case Errno.EEXIST -> new FileAlreadyExistsException(name);
                case Errno.ENOTEMPTY -> new DirectoryNotEmptyException(name);
                case Errno.ENOTDIR -> new NotDirectoryException(name);
                case Errno.EACCES, Errno.EPERM -> new AccessDeniedException(name, null, e.getMessage());
                default -> new FileSystemException(name, null, e.getMessage());
            };
            failure.initCause(e);
            throw failure;
        }
    }

    @Override
    public SeekableByteChannel newByteChannel(
            Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
        int flags = flags(options);
        RemoteFile file = on(path, () -> files.open(remote(path), flags, mode(attributes, DATA & ~022)));
        return new GuestFileChannel(file, flags);
    }

    private static int flags(Set<? extends OpenOption> options) {
        boolean append = options.contains(StandardOpenOption.APPEND);
        boolean write = append || options.contains(StandardOpenOption.WRITE);
        boolean read = options.contains(StandardOpenOption.READ) || !write;
        int flags = !write ? RemoteFile.O_RDONLY : read ? RemoteFile.O_RDWR : RemoteFile.O_WRONLY;
        if (options.contains(LinkOption.NOFOLLOW_LINKS)) flags |= RemoteFile.O_NOFOLLOW;
        if (!write) return flags;
        if (append) flags |= RemoteFile.O_APPEND;
        if (options.contains(StandardOpenOption.TRUNCATE_EXISTING)) flags |= RemoteFile.O_TRUNC;
        if (options.contains(StandardOpenOption.CREATE)) flags |= RemoteFile.O_CREAT;
        if (options.contains(StandardOpenOption.CREATE_NEW)) flags |= RemoteFile.O_CREAT | RemoteFile.O_EXCL;
        if (options.contains(StandardOpenOption.SYNC) || options.contains(StandardOpenOption.DSYNC)) {
            flags |= RemoteFile.O_SYNC;
        }
        return flags;
    }

    @SuppressWarnings("unchecked") // what the attribute "posix:permissions" means
    private static int mode(FileAttribute<?>[] attributes, int otherwise) {
        for (FileAttribute<?> each : attributes) {
            if (!each.name().equals("posix:permissions")) throw new UnsupportedOperationException(each.name());
            return Permissions.mode((Set<PosixFilePermission>) each.value());
        }
        return otherwise;
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(Path folder, DirectoryStream.Filter<? super Path> filter)
            throws IOException {
        List<Path> paths = new ArrayList<>();
        for (RemoteFiles.Entry each : on(folder, () -> files.list(remote(folder)))) {
            Path path = folder.resolve(each.name());
            if (filter.accept(path)) paths.add(path);
        }
        return new DirectoryStream<>() {
            @Override
            public Iterator<Path> iterator() {
                return paths.iterator();
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public void createDirectory(Path folder, FileAttribute<?>... attributes) throws IOException {
        change(folder, () -> files.makeDirectory(remote(folder), mode(attributes, ALL & ~022)));
    }

    @Override
    public void createSymbolicLink(Path link, Path target, FileAttribute<?>... attributes) throws IOException {
        change(link, () -> files.symlink(remote(link), target.toString()));
    }

    @Override
    public void createLink(Path link, Path existing) throws IOException {
        change(link, () -> files.link(remote(link), remote(existing)));
    }

    @Override
    public Path readSymbolicLink(Path link) throws IOException {
        return fileSystem.getPath(on(link, () -> files.readLink(remote(link))));
    }

    @Override
    public void delete(Path path) throws IOException {
        change(path, () -> files.remove(remote(path)));
    }

    @Override
    public void copy(Path source, Path target, CopyOption... options) throws IOException {
        List<CopyOption> chosen = Arrays.asList(options);
        GuestAttributes attributes = stat(source, !chosen.contains(LinkOption.NOFOLLOW_LINKS));
        makeWay(target, chosen);
        if (attributes.isDirectory()) createDirectory(target);
        else if (attributes.isSymbolicLink()) copyLink(source, target);
        else {
            try (var in = newInputStream(source);
                    var out = newOutputStream(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                in.transferTo(out);
            }
        }
        if (chosen.contains(StandardCopyOption.COPY_ATTRIBUTES) && !attributes.isSymbolicLink()) {
            FileStat stat = attributes.stat();
            change(target, () -> {
                files.changeMode(remote(target), stat.mode() & 07777);
                files.changeTimes(remote(target), stat.accessed(), stat.modified());
            });
        }
    }

    private void copyLink(Path source, Path target) throws IOException {
        String to = readSymbolicLink(source).toString();
        change(target, () -> files.symlink(remote(target), to));
    }

    @Override
    public void move(Path source, Path target, CopyOption... options) throws IOException {
        List<CopyOption> chosen = Arrays.asList(options);
        boolean atomic = chosen.contains(StandardCopyOption.ATOMIC_MOVE);
        if (!atomic) makeWay(target, chosen);
        try {
            change(source, () -> files.rename(remote(source), remote(target)));
        } catch (FileSystemException e) {
            boolean twoFileSystems = e.getCause() instanceof AgentErrorException error && error.number() == Errno.EXDEV;
            if (!twoFileSystems) throw e;
            if (atomic) throw new AtomicMoveNotSupportedException(source.toString(), target.toString(), e.getMessage());
            copy(source, target, StandardCopyOption.COPY_ATTRIBUTES, LinkOption.NOFOLLOW_LINKS);
            delete(source);
        }
    }

    private void makeWay(Path target, List<CopyOption> options) throws IOException {
        if (options.contains(StandardCopyOption.REPLACE_EXISTING)) {
            deleteIfExists(target);
        } else if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            throw new FileAlreadyExistsException(target.toString());
        }
    }

    @Override
    public boolean isSameFile(Path path, Path other) throws IOException {
        if (path.equals(other)) return true;
        if (!(other instanceof GuestPath own) || own.getFileSystem() != fileSystem) return false;
        return stat(path, true).fileKey().equals(stat(other, true).fileKey());
    }

    @Override
    public boolean isHidden(Path path) {
        Path name = path.getFileName();
        return name != null && name.toString().startsWith(".");
    }

    @Override
    public FileStore getFileStore(Path path) {
        return new GuestFileStore(files, remote(path));
    }

    /** The agent is root: what exists can be read and written; a file without any x cannot be executed. */
    @Override
    public void checkAccess(Path path, AccessMode... modes) throws IOException {
        GuestAttributes attributes = stat(path, true);
        if (Arrays.asList(modes).contains(AccessMode.EXECUTE)
                && (attributes.stat().mode() & 0111) == 0) {
            throw new AccessDeniedException(path.toString());
        }
    }

    GuestAttributes stat(Path path, boolean follow) throws IOException {
        return new GuestAttributes(on(path, () -> files.stat(remote(path), follow)));
    }

    private static boolean follows(LinkOption[] options) {
        return !Arrays.asList(options).contains(LinkOption.NOFOLLOW_LINKS);
    }

    @Override
    public <V extends FileAttributeView> @Nullable V getFileAttributeView(
            Path path, Class<V> type, LinkOption... options) {
        if (type != BasicFileAttributeView.class && type != PosixFileAttributeView.class) return null;
        return type.cast(new GuestAttributeView(this, path, remote(path), follows(options)));
    }

    @Override
    public <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options)
            throws IOException {
        if (type != BasicFileAttributes.class && type != PosixFileAttributes.class) {
            throw new UnsupportedOperationException(type.getName());
        }
        return type.cast(stat(path, follows(options)));
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String names, LinkOption... options) throws IOException {
        return GuestAttributeView.byName(stat(path, follows(options)), names);
    }

    @Override
    public void setAttribute(Path path, String name, Object value, LinkOption... options) throws IOException {
        new GuestAttributeView(this, path, remote(path), follows(options)).set(name, value);
    }
}
