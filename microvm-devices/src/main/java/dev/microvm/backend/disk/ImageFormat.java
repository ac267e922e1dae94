package dev.microvm.backend.disk;

import java.util.Locale;

/** How an image file holds a disk. */
public enum ImageFormat {
    /** Byte for byte; also a block device. */
    RAW,
    /** QEMU's copy-on-write format, versions 2 and 3. */
    QCOW2;

    /** The name as QEMU has it: {@code raw}, {@code qcow2}. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
