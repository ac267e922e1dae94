package dev.microvm.devices.virtio.blk;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.limits.RateLimit;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A disk as the guest sees it, and the image behind it. Immutable: each method returns a changed
 * copy.
 *
 * <pre>{@code
 * VirtioBlkOptions.of(DiskImage.raw(Path.of("data.img")))
 *         .serial("data-1")
 *         .queues(2)
 *         .rateLimit(RateLimit.bytesPerSecond(50 << 20))
 * }</pre>
 *
 * @param image the image behind it
 * @param serial the serial number, empty if there is none
 * @param queues how many queues it has
 * @param rateLimit how much it may read and write in a second
 */
public record VirtioBlkOptions(DiskImage image, String serial, int queues, RateLimit rateLimit) {
    /** Refuses null; {@link #problems} finds everything else. */
    public VirtioBlkOptions {
        Objects.requireNonNull(image, "image: null; give a DiskImage, for instance DiskImage.raw(path)");
        Objects.requireNonNull(serial, "serial: null; give \"\" for a disk without a serial number");
        Objects.requireNonNull(rateLimit, "rateLimit: null; give RateLimit.NONE for a disk without a limit");
    }

    /** A disk with one queue, without a serial number and without a limit. */
    public static VirtioBlkOptions of(DiskImage image) {
        return new VirtioBlkOptions(image, "", 1, RateLimit.NONE);
    }

    /** With another image behind it. */
    public VirtioBlkOptions image(DiskImage other) {
        return new VirtioBlkOptions(other, serial, queues, rateLimit);
    }

    /**
     * With this serial number: at most 20 printable ASCII characters. Linux has it in {@code
     * /sys/block/vda/serial}.
     */
    public VirtioBlkOptions serial(String text) {
        return new VirtioBlkOptions(image, text, queues, rateLimit);
    }

    /** With so many queues, each served by a thread of its own: 1 to 16. Default: 1. */
    public VirtioBlkOptions queues(int number) {
        return new VirtioBlkOptions(image, serial, number, rateLimit);
    }

    /**
     * With at most so many bytes and requests in a second, reads and writes together; flushes are
     * not counted. After idle time, 50 ms worth of requests passes at once. {@link
     * Disk#rateLimit(RateLimit)} changes it while the machine runs. Default: {@link RateLimit#NONE}.
     */
    public VirtioBlkOptions rateLimit(RateLimit limit) {
        return new VirtioBlkOptions(image, serial, queues, limit);
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
        StringBuilder text = new StringBuilder(image.toString());
        if (!serial.isEmpty()) text.append(", serial ").append(serial);
        if (queues != 1) text.append(", ").append(queues).append(" queues");
        if (rateLimit.bytesPerSecond() != 0)
            text.append(", ").append(rateLimit.bytesPerSecond()).append(" bytes/s");
        if (rateLimit.operationsPerSecond() != 0)
            text.append(", ").append(rateLimit.operationsPerSecond()).append(" requests/s");
        return text.toString();
    }
}
