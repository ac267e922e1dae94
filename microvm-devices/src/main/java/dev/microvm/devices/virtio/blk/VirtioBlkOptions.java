package dev.microvm.devices.virtio.blk;

import dev.microvm.backend.disk.DiskImage;
import java.util.ArrayList;
import java.util.List;

/**
 * A disk as the guest sees it, and the image behind it. Immutable: each method returns a changed
 * copy.
 *
 * <pre>{@code
 * VirtioBlkOptions.of(DiskImage.raw(Path.of("data.img"))).serial("data-1").queues(2)
 * }</pre>
 *
 * @param image the image behind it
 * @param serial the serial number, empty if there is none
 * @param queues how many queues it has
 */
public record VirtioBlkOptions(DiskImage image, String serial, int queues) {
    /** A disk with one queue and without a serial number. */
    public static VirtioBlkOptions of(DiskImage image) {
        return new VirtioBlkOptions(image, "", 1);
    }

    /**
     * With this serial number: at most 20 printable ASCII characters. Linux has it in {@code
     * /sys/block/vda/serial}.
     */
    public VirtioBlkOptions serial(String text) {
        return new VirtioBlkOptions(image, text, queues);
    }

    /** With so many queues, each served by a thread of its own: 1 to 16. Default: 1. */
    public VirtioBlkOptions queues(int number) {
        return new VirtioBlkOptions(image, serial, number);
    }

    /**
     * What is wrong with this description, as far as can be told without opening a file; empty if
     * nothing is.
     */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (!VirtioBlk.isSerial(serial)) {
            problems.add("serial: at most %d printable ASCII characters, was \"%s\""
                    .formatted(VirtioBlk.MOST_SERIAL, serial));
        }
        if (queues < 1 || queues > VirtioBlk.MOST_QUEUES) {
            problems.add("queues: 1 to %d, was %d".formatted(VirtioBlk.MOST_QUEUES, queues));
        }
        problems.addAll(image.problems());
        return problems;
    }

    @Override
    public String toString() {
        return image + (serial.isEmpty() ? "" : ", serial " + serial) + (queues == 1 ? "" : ", " + queues + " queues");
    }
}
