package dev.microvm.sandbox.root;

import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.TreeLimits;

/** A root that was looked at, and can be read. */
interface RootFiles {
    /** Returns what names it in the cache: equal keys, equal roots. */
    String key();

    /** Returns what it says about its program. */
    default ImageConfig config() {
        return ImageConfig.NONE;
    }

    /** Reads all of it. */
    void read(FileTree tree, ContentSink contents, TreeLimits limits);
}
