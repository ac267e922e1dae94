package dev.microvm.machine;

import dev.microvm.boot.KernelImage;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;

/**
 * Refuses an ordinary kernel on a hypervisor that runs small guests only: there it would hang with an
 * empty console.
 */
final class SmallGuests {
    /**
     * The system property that turns the refusal off, by {@code true}: for a kernel that was made for
     * such a hypervisor.
     */
    static final String ANY_KERNEL = "microvm.kvm.anyKernel";

    /** Larger files are no small guests; the smallest Linux has several MiB. */
    private static final long MAX_SIZE = 1 << 20;

    private SmallGuests() {}

    /** Returns that the hypervisor cannot run this kernel, with the remedy; empty if it may. */
    static Optional<String> problem(SelectedHypervisor selected, KernelImage kernel) {
        if (selected.limit().isEmpty() || Boolean.getBoolean(ANY_KERNEL) || isSmall(kernel)) return Optional.empty();
        return Optional.of(("hypervisor: KVM cannot run an ordinary kernel such as %s here, because %s;"
                        + " use hypervisor(AUTO) or hypervisor(ENGINE), or set the system property %s to true"
                        + " for a kernel that was made for this")
                .formatted(kernel.file(), selected.limit(), ANY_KERNEL));
    }

    private static boolean isSmall(KernelImage kernel) {
        try {
            return !kernel.isBzImage() && Files.size(kernel.file()) <= MAX_SIZE;
        } catch (IOException e) {
            return true; // loading it reports that
        }
    }
}
