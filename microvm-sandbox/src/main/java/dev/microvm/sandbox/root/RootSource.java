package dev.microvm.sandbox.root;

import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.io.IOException;

/** A root that is looked at, and can be read: what becomes an EROFS image. */
interface RootSource {
    /** Returns what names the result in the cache: equal keys, equal roots. */
    String key();

    /** Returns what it says about its program. */
    ImageConfig config();

    /** Reads all of it. */
    void read(FileTree tree, ContentSink contents, TreeLimits limits) throws IOException;
}
