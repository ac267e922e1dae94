package dev.microvm.sandbox.root;

import dev.microvm.sandbox.root.oci.Json;
import dev.microvm.sandbox.root.oci.OciImage;
import dev.microvm.sandbox.root.source.ArchiveSource;
import dev.microvm.sandbox.root.source.Digests;
import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** An image as a root. In the cache it is known by the digests of its configuration and layers. */
final class OciRoot implements RootFiles {
    private final OciImage image;

    /** Opens an image. */
    interface Opener {
        OciImage open() throws IOException;
    }

    OciRoot(Opener opener) {
        try {
            image = opener.open();
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    @Override
    public String key() {
        byte[] identity = image.identity().getBytes(StandardCharsets.UTF_8);
        return HexFormat.of().formatHex(Digests.sha256().digest(identity));
    }

    @Override
    public ImageConfig config() {
        Json config = image.config().get("config");
        return new ImageConfig(
                config.get("Entrypoint").texts(),
                config.get("Cmd").texts(),
                config.get("Env").texts(),
                config.get("WorkingDir").text(),
                config.get("User").text());
    }

    @Override
    public void read(FileTree tree, ContentSink contents, TreeLimits limits) {
        try {
            image.read(new ArchiveSource(tree, contents, limits));
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    private static RootContentException unreadable(IOException cause) {
        return new RootContentException("it cannot be read: " + cause, "make it readable, or fetch it again", cause);
    }
}
