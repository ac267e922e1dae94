package dev.microvm.junit.named;

import dev.microvm.junit.GuestProvider;
import dev.microvm.junit.GuestVm;

/** Says that it was asked. */
public final class GuestOfPackage implements GuestProvider {
    @Override
    public GuestVm guest() {
        throw new IllegalStateException("asked the package");
    }
}
