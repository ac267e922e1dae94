package dev.microvm.sandbox.root.source;

import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileKind;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;

/**
 * A directory of the host, as it was when it was listed. What is mounted below it on other file
 * systems is left out: the directory there is empty. For one thread.
 */
public final class DirectorySource {
    private final Path directory;
    private final List<HostFile> files; // parents first; the directory itself is the first

    private DirectorySource(Path directory, List<HostFile> files) {
        this.directory = directory;
        this.files = files;
    }

    /**
     * Lists a directory.
     *
     * @throws RootContentException if something in it cannot be read
     */
    public static DirectorySource list(Path directory) {
        List<HostFile> files = new ArrayList<>();
        Deque<HostFile> directories = new ArrayDeque<>();
        Path at = directory;
        try {
            HostFile root = HostFile.of(directory.toRealPath(), "");
            files.add(root);
            directories.push(root);
            while (!directories.isEmpty()) {
                HostFile parent = directories.pop();
                at = parent.path();
                if (parent.longNumber("dev") != root.longNumber("dev")) continue;
                try (DirectoryStream<Path> entries = Files.newDirectoryStream(at)) {
                    for (Path path : entries) {
                        at = path;
                        String name = RawName.of(path.getFileName());
                        HostFile file = HostFile.of(path, parent.name().isEmpty() ? name : parent.name() + "/" + name);
                        files.add(file);
                        if (file.kind() == FileKind.DIRECTORY) directories.push(file);
                    }
                }
            }
        } catch (IOException e) {
            throw HostFile.unreadable(at, e);
        }
        return new DirectorySource(directory, files);
    }

    /**
     * Returns a digest of all names, types, owners, sizes and times: it changes if a file does,
     * without reading files.
     */
    public String fingerprint() {
        MessageDigest digest = Digests.sha256();
        List<String> lines = new ArrayList<>(files.size());
        for (HostFile file : files) {
            lines.add(file.name()
                    + '\0'
                    + file.number("mode")
                    + ' '
                    + file.number("uid")
                    + ' '
                    + file.number("gid")
                    + ' '
                    + file.longNumber("size")
                    + ' '
                    + file.longNumber("ino")
                    + ' '
                    + file.time("lastModifiedTime")
                    + ' '
                    + file.time("ctime"));
        }
        lines.sort(null);
        for (String line : lines) {
            digest.update(line.getBytes(StandardCharsets.ISO_8859_1));
            digest.update((byte) '\n');
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Reads the files into a tree.
     *
     * @throws RootContentException if a file changes meanwhile, or cannot be read
     */
    public void read(FileTree tree, ContentSink contents, TreeLimits limits) {
        new DirectoryReader(tree, contents, limits).read(files);
    }

    @Override
    public String toString() {
        return directory.toString();
    }
}
