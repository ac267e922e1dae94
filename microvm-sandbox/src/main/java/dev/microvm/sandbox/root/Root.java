package dev.microvm.sandbox.root;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.Initramfs;
import dev.microvm.sandbox.root.cache.FileCache;
import dev.microvm.sandbox.root.erofs.ErofsImage;
import dev.microvm.sandbox.root.oci.LayoutBlobs;
import dev.microvm.sandbox.root.oci.OciImage;
import dev.microvm.sandbox.root.oci.Platform;
import dev.microvm.sandbox.root.registry.DockerConfig;
import dev.microvm.sandbox.root.registry.ImageName;
import dev.microvm.sandbox.root.registry.RegistryBlobs;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The root file system of a guest, from whatever there is. Immutable: each method returns a changed
 * copy. Reads nothing before {@link #prepare}.
 *
 * <pre>{@code
 * Root root = Root.tar(Path.of("debian.tar.xz"));
 * try (PreparedRoot prepared = root.prepare()) { ... }
 * }</pre>
 *
 * <p>Directories and archives become a read-only EROFS image in the {@linkplain RootCache cache}, in
 * one pass and without rights on the host; what was prepared before is found there. By default the
 * guest can change its root, and its changes are in memory and gone with it.
 */
public final class Root {
    private static final String IMAGE_SUFFIX = ".erofs";
    /** Changes whenever equal sources make other images, so that old ones are not found any more. */
    private static final String IMAGE_VERSION = "1-";

    private static final long CHANGES_BYTES = 8L << 30;
    private static final long MOST_CHANGES_BYTES = 15L << 40;

    private static final Pattern PLATFORM = Pattern.compile("([a-z0-9]+)/([a-z0-9]+)(?:/([a-z0-9]+))?");

    private final String description;
    private final RootSource source;
    private final RootSettings settings;

    private Root(String description, RootSource source, RootSettings settings) {
        this.description = description;
        this.source = source;
        this.settings = settings;
    }

    private static Root made(String description, RootSource.Made source) {
        return new Root(description, source, RootSettings.standard(Changes.IN_MEMORY));
    }

    private Root with(RootSettings to) {
        return new Root(description, source, to);
    }

    /**
     * A copy of a directory of the host, with owners, permissions, times and links as they are.
     * What is mounted below it on other file systems is left out.
     */
    public static Root directory(Path directory) {
        Objects.requireNonNull(directory, "directory");
        return made("Root.directory(" + directory + ")", settings -> new DirectoryRoot(directory));
    }

    /** A tar archive: plain, or compressed by gzip, zstd, xz or bzip2. */
    public static Root tar(Path archive) {
        Objects.requireNonNull(archive, "archive");
        return made("Root.tar(" + archive + ")", settings -> new TarRoot(archive));
    }

    /**
     * The only image of an OCI layout for the platform: a folder, or a tar archive that is not
     * compressed, as {@code skopeo copy} and {@code buildah push} write them.
     */
    public static Root oci(Path layout) {
        return oci(layout, "");
    }

    /**
     * An image of an OCI layout.
     *
     * @param reference its name there, such as {@code latest}; empty if the layout has one image
     */
    public static Root oci(Path layout, String reference) {
        Objects.requireNonNull(layout, "layout");
        Objects.requireNonNull(reference, "reference");
        return made(
                "Root.oci(%s%s)".formatted(layout, reference.isEmpty() ? "" : ":" + reference),
                settings ->
                        new OciRoot(() -> OciImage.ofLayout(LayoutBlobs.at(layout), reference, settings.platform())));
    }

    /**
     * An image of a registry, pulled when the root is prepared. Logins are those of Docker's
     * configuration. Only a registry on this host is asked without TLS.
     *
     * @param name {@code registry/repository:tag}, or {@code registry/repository@sha256:...}, which
     *     asks the registry only for what is not in the cache
     * @throws IllegalArgumentException if it is no such name
     */
    public static Root image(String name) {
        Objects.requireNonNull(name, "name");
        ImageName image = ImageName.parse(name);
        return made("Root.image(" + name + ")", settings -> {
            RootCache cache = settings.cache();
            FileCache layers = new FileCache(cache.folder().resolve("layers"), cache.layersLimit());
            return new OciRoot(() -> RegistryBlobs.open(
                    image, settings.platform(), DockerConfig.standard(), layers, settings.progress()::progress));
        });
    }

    /**
     * A disk with a file system of its own. The image says what becomes of changes: {@link
     * DiskImage#overlay()} keeps them in memory, {@link DiskImage#readOnly()} refuses them,
     * otherwise they are kept in the image.
     */
    public static Root disk(DiskImage image) {
        Objects.requireNonNull(image, "image");
        Changes changes = image.overlayLimit().isPresent()
                ? Changes.IN_MEMORY
                : image.isReadOnly() ? Changes.REFUSED : Changes.IN_FILE;
        return new Root("Root.disk(" + image + ")", new RootSource.OnDisk(image), RootSettings.standard(changes));
    }

    /** An initial file system, which is the root by itself. */
    public static Root initramfs(Initramfs files) {
        Objects.requireNonNull(files, "files");
        return new Root("Root.initramfs", new RootSource.InMemory(files), RootSettings.standard(Changes.IN_MEMORY));
    }

    /** An initial file system in a file: cpio archives, compressed or not. */
    public static Root initramfs(Path file) {
        return initramfs(Initramfs.builder().base(file).build());
    }

    /**
     * Makes the root read-only.
     *
     * @throws IllegalStateException if it is an initial file system
     */
    public Root readOnly() {
        RootSource to = switch (source) {
            case RootSource.Made made -> made;
            case RootSource.OnDisk disk -> new RootSource.OnDisk(disk.image().readOnly());
            case RootSource.InMemory files ->
                throw new IllegalStateException(description + ": it is in memory, which can be written");
        };
        return new Root(description, to, settings.changes(Changes.REFUSED));
    }

    /** Keeps changes in memory, gone with the machine: the default, but for disks. */
    public Root changesInMemory() {
        RootSource to = source instanceof RootSource.OnDisk disk
                ? new RootSource.OnDisk(disk.image().overlay())
                : source;
        return new Root(description, to, settings.changes(Changes.IN_MEMORY));
    }

    /**
     * Keeps changes in a file, with room for 8 GiB: {@link #changesIn(Path, long)}.
     *
     * @throws IllegalStateException if the root is a disk or an initial file system
     */
    public Root changesIn(Path file) {
        return changesIn(file, CHANGES_BYTES);
    }

    /**
     * Keeps changes in a file, where the next machine with this root and this file finds them. The
     * file is made if it is not there: a file system of ext4, which takes as much of the host's disk
     * as the guest has written. It belongs to the root's present content, and to one machine at a time.
     *
     * @param bytes room for changes, 1 byte to 15 TiB, rounded up to 128 MiB; of no meaning if the
     *     file is there
     * @throws IllegalStateException if the root is a disk, which has its changes in its image, or an
     *     initial file system
     * @throws IllegalArgumentException if {@code bytes} is out of range
     */
    public Root changesIn(Path file, long bytes) {
        Objects.requireNonNull(file, "file");
        if (bytes < 1 || bytes > MOST_CHANGES_BYTES) {
            throw new IllegalArgumentException("bytes: 1 to %d, was %d".formatted(MOST_CHANGES_BYTES, bytes));
        }
        if (!(source instanceof RootSource.Made)) {
            throw new IllegalStateException(description
                    + ": changesIn is for directories, archives and images; a disk keeps changes in its image");
        }
        return with(settings.changesIn(new ChangesFile(file.toAbsolutePath(), bytes)));
    }

    /** Sets where prepared roots are kept. Default: {@link RootCache#standard}. */
    public Root cache(RootCache where) {
        Objects.requireNonNull(where, "where");
        return with(settings.cache(where));
    }

    /** Sets what it may unpack to. Default: {@link RootLimits#STANDARD}. */
    public Root limits(RootLimits to) {
        Objects.requireNonNull(to, "to");
        return with(settings.limits(to));
    }

    /**
     * Chooses one of the images of an index. Default: {@code linux/amd64}, what machines are.
     *
     * @param platform {@code os/architecture} or {@code os/architecture/variant}, as images have them
     * @throws IllegalArgumentException if it is not of this form
     */
    public Root platform(String platform) {
        Matcher parts = PLATFORM.matcher(Objects.requireNonNull(platform, "platform"));
        if (!parts.matches()) {
            throw new IllegalArgumentException(
                    "platform '%s': must be os/architecture, such as linux/amd64".formatted(platform));
        }
        return with(settings.platform(
                new Platform(parts.group(1), parts.group(2), Objects.requireNonNullElse(parts.group(3), ""))));
    }

    /** Sets who is told how far the layers of {@link #image} are. */
    public Root progress(PullProgress to) {
        Objects.requireNonNull(to, "to");
        return with(settings.progress(to));
    }

    /**
     * Makes the root ready for a machine, or finds it in the cache.
     *
     * @throws RootException if it cannot be read, is hostile or too large
     */
    public PreparedRoot prepare() {
        try {
            return switch (source) {
                case RootSource.OnDisk disk -> PreparedRoot.disk(disk.image(), settings.changes());
                case RootSource.InMemory files -> PreparedRoot.initramfs(files.files());
                case RootSource.Made made -> layered(made.open(settings));
            };
        } catch (RootContentException e) {
            throw new RootException(description, e);
        }
    }

    private PreparedRoot layered(RootFiles files) {
        RootCache cache = settings.cache();
        FileCache images = new FileCache(cache.folder().resolve("images"), cache.imagesLimit());
        String key = files.key();
        ChangesFile file = settings.file();
        FileCache.Use image = images.get(IMAGE_VERSION + key + IMAGE_SUFFIX, part -> write(files, part));
        try {
            PreparedRoot.Layers layers = new PreparedRoot.Layers(
                    DiskImage.raw(image.file()).readOnly(), file == null ? null : file.open(key));
            return PreparedRoot.layered(layers, settings.changes(), files.config(), image.found(), image::close);
        } catch (RuntimeException e) {
            image.close();
            throw e;
        }
    }

    private void write(RootFiles files, Path part) throws IOException {
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
            ErofsImage image = new ErofsImage(channel);
            TreeLimits limits =
                    new TreeLimits(settings.limits().bytes(), settings.limits().files());
            FileTree tree = new FileTree(image, limits);
            files.read(tree, image, limits);
            image.finish(tree.root());
            channel.force(/* metaData= */ false); // before it has its name: a crash of the host leaves no broken image
        }
    }

    @Override
    public String toString() {
        return description + ", changes " + settings.changes();
    }
}
