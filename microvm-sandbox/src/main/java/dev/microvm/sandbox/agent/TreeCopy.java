package dev.microvm.sandbox.agent;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/**
 * Copies trees of files between host and guest as a tar stream. What comes from the guest is
 * hostile: no entry is written outside the target, or through a symbolic link.
 */
public final class TreeCopy {
    private static final int BUFFER = 1 << 16; // bytes

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
            try (TarArchiveOutputStream tar =
                    new TarArchiveOutputStream(new BufferedOutputStream(DataStreams.output(channel), BUFFER))) {
                tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
                tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
                write(from, tar);
            } catch (SocketException e) {
                channel.number(); // the agent says why it reads no more
                throw e;
            }
            channel.number();
        }
    }

    private static void write(Path from, TarArchiveOutputStream tar) throws IOException {
        Path base = Files.isDirectory(from) ? from : from.toAbsolutePath().getParent();
        Path start = Files.isDirectory(from) ? from : from.toAbsolutePath();
        Files.walkFileTree(start, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
                if (!folder.equals(from)) add(folder);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (attributes.isRegularFile() || attributes.isSymbolicLink()) add(file);
                return FileVisitResult.CONTINUE;
            }

            private void add(Path file) throws IOException {
                String name = String.valueOf(base == null ? file : base.relativize(file));
                TarArchiveEntry entry;
                if (Files.isSymbolicLink(file)) {
                    entry = new TarArchiveEntry(name, TarArchiveEntry.LF_SYMLINK);
                    entry.setLinkName(Files.readSymbolicLink(file).toString());
                } else {
                    entry = new TarArchiveEntry(file, name);
                    entry.setMode(mode(file));
                }
                tar.putArchiveEntry(entry);
                if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) Files.copy(file, tar);
                tar.closeArchiveEntry();
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
                InputStream data = DataStreams.input(channel);
                TarArchiveInputStream tar = new TarArchiveInputStream(data, "UTF-8")) {
            long bytes = 0;
            long entries = 0;
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                bytes += Math.max(0, entry.getSize());
                if (++entries > bounds.entries() || bytes > bounds.bytes() || bytes < 0) {
                    throw new IOException("%s of the guest has more than %d entries or %d bytes"
                            .formatted(from, bounds.entries(), bounds.bytes()));
                }
                extract(tar, entry, to);
            }
            if (data.readNBytes(BUFFER).length == BUFFER) throw new AgentProtocolException("an archive without an end");
        } catch (IllegalArgumentException e) { // a name that the host cannot have
            throw new IOException("%s of the guest: %s".formatted(from, e.getMessage()), e);
        }
    }

    private static void extract(TarArchiveInputStream tar, TarArchiveEntry entry, Path to) throws IOException {
        Path target = target(entry.getName(), to);
        if (entry.isDirectory()) {
            if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) Files.createDirectory(target);
        } else if (entry.isSymbolicLink()) {
            Files.deleteIfExists(target);
            Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
            return;
        } else if (entry.isFile() && !entry.isLink() && !entry.isFIFO() && !entry.isCharacterDevice()) {
            Files.copy(tar, target, StandardCopyOption.REPLACE_EXISTING);
        } else {
            return; // devices and the like are not made on the host
        }
        if (Files.getFileStore(target).supportsFileAttributeView(PosixFileAttributeView.class)) {
            Files.setPosixFilePermissions(target, permissions(entry.getMode()));
        }
        Files.setLastModifiedTime(
                target, FileTime.from(entry.getLastModifiedTime().toInstant()));
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
