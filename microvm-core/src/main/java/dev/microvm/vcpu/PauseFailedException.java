package dev.microvm.vcpu;

import dev.microvm.error.MicroVmException;

/** A vCPU did not leave the guest or a device in time, so that none is paused. */
public final class PauseFailedException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    PauseFailedException(String message) {
        super(message);
    }
}
