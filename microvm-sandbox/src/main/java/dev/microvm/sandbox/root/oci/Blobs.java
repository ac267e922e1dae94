package dev.microvm.sandbox.root.oci;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/** Where the parts of an image are. */
public interface Blobs {
    /**
     * Opens a blob; its digest is checked by whoever reads it.
     *
     * @throws dev.microvm.sandbox.root.tree.RootContentException if it is not there
     * @throws IOException if it cannot be read
     */
    InputStream open(Descriptor blob) throws IOException;

    /** Begins to bring blobs near, if they are far away. */
    default Fetch prefetch(List<Descriptor> blobs) {
        return () -> {};
    }

    /** Blobs on their way. */
    interface Fetch {
        /** Ends it, whatever is on its way. */
        void end();
    }
}
