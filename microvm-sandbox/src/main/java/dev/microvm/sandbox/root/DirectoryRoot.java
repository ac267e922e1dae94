package dev.microvm.sandbox.root;

import dev.microvm.sandbox.root.source.DirectorySource;
import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory of the host as a root. In the cache it is known by what its files look like. */
final class DirectoryRoot implements RootSource {
    private final DirectorySource files;

    DirectoryRoot(Path directory) {
        if (!Files.isDirectory(directory)) {
            throw new RootContentException("it is no directory", "give the path of one");
        }
        files = DirectorySource.list(directory);
    }

    @Override
    public String key() {
        return files.fingerprint();
    }

    @Override
    public ImageConfig config() {
        return ImageConfig.NONE;
    }

    @Override
    public void read(FileTree tree, ContentSink contents, TreeLimits limits) {
        files.read(tree, contents, limits);
    }
}
