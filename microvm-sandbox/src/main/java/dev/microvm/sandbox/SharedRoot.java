package dev.microvm.sandbox;

import dev.microvm.sandbox.root.Changes;
import dev.microvm.sandbox.root.ImageConfig;
import dev.microvm.sandbox.root.PreparedRoot;

/** The root of a sandbox and its forks, closed when the last of them is. Any thread may call. */
final class SharedRoot {
    private final ImageConfig config;
    private final boolean keepsChanges;
    private final Runnable close;
    private int users = 1; // guarded by this

    /** Takes a root for its first user. */
    SharedRoot(PreparedRoot root) {
        this(root.config(), root.changes() == Changes.IN_FILE, root::close);
    }

    private SharedRoot(ImageConfig config, boolean keepsChanges, Runnable close) {
        this.config = config;
        this.keepsChanges = keepsChanges;
        this.close = close;
    }

    /** Returns one that somebody else closes. */
    static SharedRoot of(ImageConfig config) {
        return new SharedRoot(config, /* keepsChanges= */ false, () -> {});
    }

    ImageConfig config() {
        return config;
    }

    /** Returns whether changes are to be there after the machine. */
    boolean keepsChanges() {
        return keepsChanges;
    }

    /** Returns this for one more user. */
    synchronized SharedRoot forOneMore() {
        if (users == 0) throw new IllegalStateException("the sandbox is closed");
        users++;
        return this;
    }

    /** Ends one use. */
    synchronized void letGo() {
        if (--users == 0) close.run();
    }
}
