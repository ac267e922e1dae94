/**
 * Images of EROFS, Linux's read-only file system for such roots, written in one pass: the bytes of
 * files as they come, then the tree.
 */
@NullMarked
package dev.microvm.sandbox.root.erofs;

import org.jspecify.annotations.NullMarked;
