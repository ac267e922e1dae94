package dev.microvm.sandbox.root;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.Initramfs;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A root that a machine can use now. It stays in the cache until it is closed: close it after the
 * machine.
 *
 * <ul>
 *   <li>{@link Kind#LAYERED}: {@link #disk} is a read-only EROFS, the same for all machines. If
 *       {@link #changes} are kept, the guest puts an overlay on it, whose upper half is in a tmpfs,
 *       or on {@link #changesDisk}.
 *   <li>{@link Kind#DISK}: {@link #disk} has a file system of its own, which the guest mounts. Where
 *       its changes go is the disk's business: the host keeps them in memory, in the image, or
 *       refuses them.
 *   <li>{@link Kind#INITRAMFS}: {@link #initramfs} is all there is; changes are in memory.
 * </ul>
 */
public final class PreparedRoot implements AutoCloseable {
    private final Kind kind;
    private final @Nullable DiskImage disk;
    private final @Nullable DiskImage changesDisk;
    private final @Nullable Initramfs initramfs;
    private final Changes changes;
    private final ImageConfig config;
    private final boolean cached;
    private final Runnable release;

    /** How the guest gets its root. */
    public enum Kind {
        /** A read-only EROFS on a disk, below an overlay if it is to be changed. */
        LAYERED,
        /** A disk with a file system that the guest mounts. */
        DISK,
        /** An initial file system that stays. */
        INITRAMFS
    }

    /**
     * The disks of a layered root.
     *
     * @param root an EROFS, read-only
     * @param changes an ext4 for the overlay's upper half; null if that is in memory or there is none
     */
    record Layers(DiskImage root, @Nullable DiskImage changes) {}

    private PreparedRoot(
            Kind kind,
            @Nullable DiskImage disk,
            @Nullable DiskImage changesDisk,
            @Nullable Initramfs initramfs,
            Changes changes,
            ImageConfig config,
            boolean cached,
            Runnable release) {
        this.kind = kind;
        this.disk = disk;
        this.changesDisk = changesDisk;
        this.initramfs = initramfs;
        this.changes = changes;
        this.config = config;
        this.cached = cached;
        this.release = release;
    }

    static PreparedRoot layered(Layers disks, Changes changes, ImageConfig config, boolean cached, Runnable release) {
        return new PreparedRoot(Kind.LAYERED, disks.root(), disks.changes(), null, changes, config, cached, release);
    }

    static PreparedRoot disk(DiskImage disk, Changes changes) {
        return new PreparedRoot(Kind.DISK, disk, null, null, changes, ImageConfig.NONE, false, () -> {});
    }

    static PreparedRoot initramfs(Initramfs files) {
        return new PreparedRoot(
                Kind.INITRAMFS, null, null, files, Changes.IN_MEMORY, ImageConfig.NONE, false, () -> {});
    }

    /** Returns how the guest gets it. */
    public Kind kind() {
        return kind;
    }

    /**
     * Returns the disk, for {@code virtioBlk}.
     *
     * @throws IllegalStateException if the root is an initial file system
     */
    public DiskImage disk() {
        if (disk == null) throw new IllegalStateException("the root is an initial file system: use initramfs()");
        return disk;
    }

    /**
     * Returns the disk for the changes to a layered root that are kept in a file, the machine's second
     * one; empty otherwise.
     */
    public Optional<DiskImage> changesDisk() {
        return Optional.ofNullable(changesDisk);
    }

    /** Returns the initial file system that is the root; empty if the root is on a disk. */
    public Optional<Initramfs> initramfs() {
        return Optional.ofNullable(initramfs);
    }

    /** Returns what becomes of the guest's changes. */
    public Changes changes() {
        return changes;
    }

    /** Returns what the image says about its program; {@link ImageConfig#NONE} if it is no image. */
    public ImageConfig config() {
        return config;
    }

    /**
     * Returns commands of a shell that mount the root in the guest, for an {@code /init} of busybox
     * whose kernel has {@code erofs} and, for changes, {@code overlay}. Nothing for an initial file
     * system.
     *
     * @param device of {@link #disk}, such as {@code /dev/vda}
     * @param lower an empty directory for the unchanged root
     * @param upper an empty directory for changes in memory
     * @param to where the root is to be, an empty directory
     * @throws IllegalStateException if changes are in {@link #changesDisk}: see the agent
     */
    public String mountCommands(String device, String lower, String upper, String to) {
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(lower, "lower");
        Objects.requireNonNull(upper, "upper");
        Objects.requireNonNull(to, "to");
        if (changesDisk != null) throw new IllegalStateException("changes are on a disk: Sandbox mounts it");
        return switch (kind) {
            case INITRAMFS -> "";
            case DISK -> "mount -o %s %s %s\n".formatted(changes == Changes.REFUSED ? "ro" : "rw", device, to);
            case LAYERED ->
                changes == Changes.REFUSED
                        ? "mount -t erofs -o ro %s %s\n".formatted(device, to)
                        : overlayCommands(device, lower, upper, to);
        };
    }

    private static String overlayCommands(String device, String lower, String upper, String to) {
        return """
            mount -t erofs -o ro %1$s %2$s
            mount -t tmpfs -o mode=0755 upper %3$s
            mkdir %3$s/changes %3$s/work
            mount -t overlay -o lowerdir=%2$s,upperdir=%3$s/changes,workdir=%3$s/work overlay %4$s
            """.formatted(device, lower, upper, to);
    }

    /** Returns whether the root was in the cache, so that nothing had to be read. */
    public boolean fromCache() {
        return cached;
    }

    /** Lets the cache remove the root when it needs room. Closing again does nothing. */
    @Override
    public void close() {
        release.run();
    }

    @Override
    public String toString() {
        return kind + " " + Objects.requireNonNullElse(disk, "initramfs") + ", changes " + changes;
    }
}
