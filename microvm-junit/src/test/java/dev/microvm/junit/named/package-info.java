/** A package whose annotation names the guest of its classes. */
@MicroVms(guest = GuestOfPackage.class)
@NullMarked
package dev.microvm.junit.named;

import dev.microvm.junit.MicroVms;
import org.jspecify.annotations.NullMarked;
