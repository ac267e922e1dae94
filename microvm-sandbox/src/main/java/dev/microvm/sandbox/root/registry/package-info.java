/**
 * Images in registries: a client of the distribution protocol, with the logins of Docker's
 * configuration.
 *
 * <p>Source: OCI distribution specification 1.1; Docker's "Token authentication specification".
 */
@NullMarked
package dev.microvm.sandbox.root.registry;

import org.jspecify.annotations.NullMarked;
