package dev.microvm.cli.qemu;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.limits.RateLimit;

/** What a disk device can name as its drive. */
interface DiskSource {
    /** Returns the image; throws {@link OptionException} if it names what is not there. */
    DiskImage image(Invocation command);

    RateLimit limit(Invocation command);

    /** Returns the serial number; empty if there is none. */
    String serial();
}
