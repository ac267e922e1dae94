package dev.microvm.backend.disk;

import java.util.Locale;

/** The format of an image file. */
public enum ImageFormat {
    /** The bytes of the disk, unchanged. Also for block devices. */
    RAW,
    /** QEMU's copy-on-write format, versions 2 and 3. */
    QCOW2;

    /** Returns QEMU's name of the format: {@code raw}, {@code qcow2}. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
