package dev.microvm.sandbox.agent;

import dev.microvm.sandbox.root.tree.Metadata;
import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.tar.TarEntry;
import dev.microvm.sandbox.tar.TarReader;
import dev.microvm.sandbox.tar.TarWriter;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Map;
import java.util.Set;

/**
 * Copies trees of files between host and guest as a tar stream. What comes from the guest is
 * hostile: no entry is written outside the target, or through a symbolic link.
 */
public final class TreeCopy {
    private static final int BUFFER = 1 << 16; // bytes
    private static final int ALL = 0777; // permissions of a symbolic link, which nobody asks for

    private final Dialer dialer;

    /**
     * What a copy from the guest may bring.
     *
     * @param bytes of all files together
     * @param entries files, folders and links
     */
    public record Bounds(long bytes, long entries) {}

    /** @param dialer to the agent */
    public TreeCopy(Dialer dialer) {
        this.dialer = dialer;
    }

    /** Copies a file into a folder of the guest, or all that a folder has. */
    public void in(Path from, String to) throws IOException {
        try (AgentChannel channel =
                dialer.request(Payload.of(Wire.TAR_IN).int32(0).text(to))) {
            channel.number();
            try (TarWriter tar = new TarWriter(new BufferedOutputStream(DataStreams.output(channel), BUFFER))) {
                write(from, tar);
            } catch (SocketException e) {
                channel.number(); // the agent says why it reads no more
                throw e;
            }
            channel.number();
        }
    }

    private static void write(Path from, TarWriter tar) throws IOException {
        Path base = Files.isDirectory(from) ? from : from.toAbsolutePath().getParent();
        Path start = Files.isDirectory(from) ? from : from.toAbsolutePath();
        Files.walkFileTree(start, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
                if (!folder.equals(from)) tar.put(entry(folder, TarEntry.DIRECTORY, attributes, ""));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (attributes.isSymbolicLink()) {
                    String target = RawName.of(Files.readSymbolicLink(file));
                    tar.put(entry(file, TarEntry.SYMLINK, attributes, target));
                } else if (attributes.isRegularFile()) {
                    try (InputStream content = Files.newInputStream(file)) {
                        tar.put(entry(file, TarEntry.FILE, attributes, ""), content);
                    }
                }
                return FileVisitResult.CONTINUE;
            }

            private TarEntry entry(Path file, char type, BasicFileAttributes attributes, String target)
                    throws IOException {
                Path name = base == null ? file : base.relativize(file);
                Instant modified = attributes.lastModifiedTime().toInstant();
                int mode = type == TarEntry.SYMLINK ? ALL : mode(file);
                return new TarEntry(
                        RawName.of(name),
                        type,
                        type == TarEntry.FILE ? attributes.size() : 0,
                        target,
                        0,
                        0,
                        new Metadata(mode, 0, 0, modified.getEpochSecond(), modified.getNano(), Map.of()));
            }
        });
    }

    private static int mode(Path file) throws IOException {
        PosixFileAttributeView view =
                Files.getFileAttributeView(file, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        if (view == null) return Files.isDirectory(file) || Files.isExecutable(file) ? 0755 : 0644;
        return Permissions.mode(view.readAttributes().permissions());
    }

    /** Copies a file of the guest into a folder of the host, or all that a folder has. */
    public void out(String from, Path to, Bounds bounds) throws IOException {
        Files.createDirectories(to);
        try (AgentChannel channel = dialer.request(Payload.of(Wire.TAR_OUT).text(from));
                InputStream data = new BufferedInputStream(DataStreams.input(channel), BUFFER)) {
            TarReader tar = new TarReader(data);
            long left = bounds.bytes();
            long entries = 0;
            for (TarEntry entry = tar.next(); entry != null; entry = tar.next()) {
                left -= Math.min(entry.size(), Long.MAX_VALUE / 2);
                if (++entries > bounds.entries() || left < 0) {
                    throw new IOException("%s of the guest has more than %d entries or %d bytes"
                            .formatted(from, bounds.entries(), bounds.bytes()));
                }
                extract(tar, entry, to);
            }
            if (data.readNBytes(BUFFER).length == BUFFER) throw new AgentProtocolException("an archive without an end");
        } catch (RootContentException e) {
            throw new IOException("%s of the guest: %s".formatted(from, e.problem()), e);
        } catch (IllegalArgumentException | DateTimeException e) { // a name or time that the host cannot have
            throw new IOException("%s of the guest: %s".formatted(from, e.getMessage()), e);
        }
    }

    private static void extract(TarReader tar, TarEntry entry, Path to) throws IOException {
        Path target = target(RawName.text(entry.name()), to);
        Metadata metadata = entry.metadata();
        switch (entry.type()) {
            case TarEntry.DIRECTORY -> {
                if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) Files.createDirectory(target);
            }
            case TarEntry.FILE -> SparseFiles.write(tar.content(), target);
            case TarEntry.SYMLINK -> {
                Files.deleteIfExists(target);
                Files.createSymbolicLink(target, Path.of(RawName.text(entry.linkName())));
                return;
            }
            default -> {
                return; // devices and the like are not made on the host
            }
        }
        if (Files.getFileStore(target).supportsFileAttributeView(PosixFileAttributeView.class)) {
            Files.setPosixFilePermissions(target, permissions(metadata.permissions()));
        }
        Files.setLastModifiedTime(target, FileTime.from(Instant.ofEpochSecond(metadata.seconds(), metadata.nanos())));
    }

    /** Returns where an entry belongs; all folders above it are real ones. */
    private static Path target(String name, Path to) throws IOException {
        Path path = to;
        String[] parts = name.replaceFirst("/+$", "").split("/+", -1);
        for (int i = 0; i < parts.length; i++) {
            if (parts[i].isEmpty() || parts[i].equals("..") || parts[i].equals(".")) {
                throw new AgentProtocolException("an entry '%s'".formatted(name));
            }
            path = path.resolve(parts[i]);
            if (i < parts.length - 1 && !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
                throw new AgentProtocolException("an entry '%s', which is not in a folder".formatted(name));
            }
        }
        return path;
    }

    private static Set<PosixFilePermission> permissions(int mode) {
        Set<PosixFilePermission> permissions = Permissions.of(mode);
        permissions.add(PosixFilePermission.OWNER_READ); // for the host to read it back, and to go on in folders
        permissions.add(PosixFilePermission.OWNER_WRITE);
        return permissions;
    }
}
