package dev.microvm.sandbox.root;

import dev.microvm.sandbox.root.oci.Platform;
import org.jspecify.annotations.Nullable;

/**
 * How a root is to be prepared.
 *
 * @param changes what becomes of the guest's
 * @param file has them if they are kept in a file beside the root
 * @param cache where it is kept
 * @param limits what it may unpack to
 * @param platform which image of several
 * @param progress is told of pulls
 */
record RootSettings(
        Changes changes,
        @Nullable ChangesFile file,
        RootCache cache,
        RootLimits limits,
        Platform platform,
        PullProgress progress) {
    /** Those of a new root. */
    static RootSettings standard(Changes changes) {
        return new RootSettings(
                changes,
                null,
                RootCache.standard(),
                RootLimits.STANDARD,
                new Platform("linux", "amd64", ""), // what machines are
                (digest, bytes, size) -> {});
    }

    RootSettings changes(Changes to) {
        return new RootSettings(to, null, cache, limits, platform, progress);
    }

    RootSettings changesIn(ChangesFile to) {
        return new RootSettings(Changes.IN_FILE, to, cache, limits, platform, progress);
    }

    RootSettings cache(RootCache to) {
        return new RootSettings(changes, file, to, limits, platform, progress);
    }

    RootSettings limits(RootLimits to) {
        return new RootSettings(changes, file, cache, to, platform, progress);
    }

    RootSettings platform(Platform to) {
        return new RootSettings(changes, file, cache, limits, to, progress);
    }

    RootSettings progress(PullProgress to) {
        return new RootSettings(changes, file, cache, limits, platform, to);
    }
}
