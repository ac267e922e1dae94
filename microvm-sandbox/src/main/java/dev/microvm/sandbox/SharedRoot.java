package dev.microvm.sandbox;

import dev.microvm.sandbox.root.Changes;
import dev.microvm.sandbox.root.ImageConfig;
import dev.microvm.sandbox.root.PreparedRoot;

/** The root of a sandbox and its forks, closed when the last of them is. Any thread may call. */
final class SharedRoot {
    private final PreparedRoot root;
    private int users = 1; // guarded by this

    /** Takes a root for its first user. */
    SharedRoot(PreparedRoot root) {
        this.root = root;
    }

    ImageConfig config() {
        return root.config();
    }

    /** Returns whether changes are to be there after the machine. */
    boolean keepsChanges() {
        return root.changes() == Changes.IN_FILE;
    }

    /** Returns this for one more user. */
    synchronized SharedRoot forOneMore() {
        if (users == 0) throw new IllegalStateException("the sandbox is closed");
        users++;
        return this;
    }

    /** Ends one use. */
    synchronized void letGo() {
        if (--users == 0) root.close();
    }
}
