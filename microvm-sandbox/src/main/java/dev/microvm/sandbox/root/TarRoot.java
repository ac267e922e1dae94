package dev.microvm.sandbox.root;

import dev.microvm.sandbox.root.source.ArchiveSource;
import dev.microvm.sandbox.root.source.Digests;
import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;

/** A tar archive as a root. In the cache it is known by its path, size and times. */
final class TarRoot implements RootSource {
    private final Path archive;

    TarRoot(Path archive) {
        this.archive = archive;
        if (!Files.isRegularFile(archive) || !Files.isReadable(archive)) {
            throw new RootContentException("it is no file that this user can read", "give the path of a tar archive");
        }
    }

    @Override
    public String key() {
        try {
            Path real = archive.toRealPath();
            Map<String, Object> facts =
                    Files.readAttributes(real, "size,lastModifiedTime,fileKey", LinkOption.NOFOLLOW_LINKS);
            String text = real + "\n" + facts.get("size") + "\n" + facts.get("lastModifiedTime") + "\n"
                    + facts.get("fileKey");
            return HexFormat.of().formatHex(Digests.sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    @Override
    public ImageConfig config() {
        return ImageConfig.NONE;
    }

    @Override
    public void read(FileTree tree, ContentSink contents, TreeLimits limits) {
        try (InputStream in = Files.newInputStream(archive)) {
            new ArchiveSource(tree, contents, limits).readRoot(in);
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    private static RootContentException unreadable(IOException cause) {
        return new RootContentException("it cannot be read: " + cause, "make it readable", cause);
    }
}
