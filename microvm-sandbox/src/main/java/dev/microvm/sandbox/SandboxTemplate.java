package dev.microvm.sandbox;

import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * What a sandbox continues from.
 *
 * @param folder of the snapshots
 * @param label says what {@code prepare} does
 * @param prepare is done in the guest before the snapshot is taken
 */
record SandboxTemplate(Path folder, String label, Consumer<Sandbox> prepare) {}
