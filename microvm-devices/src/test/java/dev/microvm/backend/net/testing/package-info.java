/**
 * What tests of networks need: namespaces of Linux's, small servers, and a cable between two
 * networks.
 */
@NullMarked
package dev.microvm.backend.net.testing;

import org.jspecify.annotations.NullMarked;
