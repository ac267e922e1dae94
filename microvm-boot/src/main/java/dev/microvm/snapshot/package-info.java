/**
 * The form of snapshots: {@link dev.microvm.snapshot.MachineState} is what a machine needs to
 * continue besides its RAM, {@link dev.microvm.snapshot.SnapshotFolder} keeps it in a folder. Start
 * reading at {@code dev.microvm.Snapshot}, which users hold.
 */
@NullMarked
package dev.microvm.snapshot;

import org.jspecify.annotations.NullMarked;
