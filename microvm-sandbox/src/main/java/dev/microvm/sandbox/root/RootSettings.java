package dev.microvm.sandbox.root;

import dev.microvm.sandbox.root.oci.Platform;

/**
 * How a root is to be prepared.
 *
 * @param changes what becomes of the guest's
 * @param cache where it is kept
 * @param limits what it may unpack to
 * @param platform which image of several
 * @param progress is told of pulls
 */
record RootSettings(Changes changes, RootCache cache, RootLimits limits, Platform platform, PullProgress progress) {
    /** Those of a new root. */
    static RootSettings standard(Changes changes) {
        return new RootSettings(
                changes,
                RootCache.standard(),
                RootLimits.STANDARD,
                new Platform("linux", "amd64", ""), // what machines are
                (digest, bytes, size) -> {});
    }

    RootSettings changes(Changes to) {
        return new RootSettings(to, cache, limits, platform, progress);
    }

    RootSettings cache(RootCache to) {
        return new RootSettings(changes, to, limits, platform, progress);
    }

    RootSettings limits(RootLimits to) {
        return new RootSettings(changes, cache, to, platform, progress);
    }

    RootSettings platform(Platform to) {
        return new RootSettings(changes, cache, limits, to, progress);
    }

    RootSettings progress(PullProgress to) {
        return new RootSettings(changes, cache, limits, platform, to);
    }
}
