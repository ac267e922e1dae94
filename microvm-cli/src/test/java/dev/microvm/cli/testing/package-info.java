/** What the tests of this module share. */
@NullMarked
package dev.microvm.cli.testing;

import org.jspecify.annotations.NullMarked;
