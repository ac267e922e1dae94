/**
 * Images of the Open Container Initiative: what a layout, an archive or a registry has, checked
 * against its digests.
 *
 * <p>Source: OCI image specification 1.1.
 */
@NullMarked
package dev.microvm.sandbox.root.oci;

import org.jspecify.annotations.NullMarked;
