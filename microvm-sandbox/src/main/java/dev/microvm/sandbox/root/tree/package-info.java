/**
 * A tree of files in memory, as it is to be in a guest: names, owners, modes and what links to what.
 * The bytes of files are not in it.
 *
 * <p>Names are those of Linux, which are bytes: {@link
 * dev.microvm.sandbox.root.tree.RawName} says how they are kept. Archives are hostile: what would
 * leave the root, or is more than {@link dev.microvm.sandbox.root.tree.TreeLimits} allow, throws
 * {@link dev.microvm.sandbox.root.tree.RootContentException}.
 */
@NullMarked
package dev.microvm.sandbox.root.tree;

import org.jspecify.annotations.NullMarked;
