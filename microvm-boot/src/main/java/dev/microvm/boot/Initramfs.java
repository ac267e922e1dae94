package dev.microvm.boot;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An initial file system for a Linux guest.
 *
 * <pre>{@code
 * Initramfs initramfs = Initramfs.builder()
 *         .file("/bin/busybox", Path.of("/usr/bin/busybox"), 0755)
 *         .symlink("/bin/sh", "busybox")
 *         .characterDevice("/dev/console", 5, 1, 0600)
 *         .init("#!/bin/sh\necho hello\nreboot -f\n")
 *         .build();
 * byte[] image = initramfs.toBytes();
 * }</pre>
 *
 * <p>It is an uncompressed cpio archive, after the image that it extends, if any. Equal contents
 * make equal bytes. Any thread may use it. Files are read when it is written.
 */
public final class Initramfs {
    private static final int ALIGNMENT = 4; // bytes, of an archive that follows another

    private final Map<String, InitramfsEntries.Entry> entries; // by path, so that a directory comes before its entries
    private final @Nullable InitramfsContent base;
    private final List<String> moduleLoadOrder;

    private Initramfs(Builder builder) {
        List<String> needed = builder.rootDevice == null ? List.of() : List.of(RootDiskInit.BUSYBOX);
        entries = InitramfsEntries.place(builder.entries, builder.base, needed);
        base = builder.base;
        moduleLoadOrder = List.copyOf(builder.moduleLoadOrder);
    }

    /** Begins an empty initial file system. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Begins an initial file system that continues with the program on a disk, for kernels whose
     * drivers are modules, as those of distributions are. Its {@code /init} mounts {@code /proc},
     * {@code /sys} and {@code /dev}, loads the modules that are added, links the ports of a virtio
     * console as {@code /dev/virtio-ports/NAME}, waits up to 30 s for the device, mounts it and
     * starts the {@code /sbin/init} there.
     *
     * <pre>{@code
     * Initramfs initramfs = Initramfs.rootDisk("/dev/vda")
     *         .file("/bin/busybox", Path.of("/usr/bin/busybox"), 0755) // a static one
     *         .modules(Path.of("/lib/modules/6.1.0-30-amd64"), "6.1.0-30-amd64",
     *                 List.of("virtio_mmio", "virtio_blk", "virtio_console", "ext4"))
     *         .build();
     * }</pre>
     *
     * <p>{@link Builder#build} needs a static busybox at {@code /bin/busybox}, which is added, or is
     * in the base.
     *
     * @param device the disk or partition with the root file system, such as {@code /dev/vda}
     * @throws IllegalArgumentException if it is not a path below {@code /dev}
     */
    public static Builder rootDisk(String device) {
        Objects.requireNonNull(device, "device");
        if (!device.matches("/dev/[A-Za-z0-9/_.-]+")) {
            throw new IllegalArgumentException("device '%s': must be a path such as /dev/vda".formatted(device));
        }
        Builder builder = new Builder();
        RootDiskInit.FOLDERS.forEach(folder -> builder.directory(folder, 0755));
        builder.rootDevice = device;
        return builder;
    }

    /**
     * Returns the guest paths of the added modules, in an order in which {@code insmod} can load
     * them.
     */
    public List<String> moduleLoadOrder() {
        return moduleLoadOrder;
    }

    /**
     * Returns the image.
     *
     * @throws BootException if a file can no longer be read
     */
    public byte[] toBytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            writeTo(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // an array does not fail; the files' errors are BootExceptions
        }
        return out.toByteArray();
    }

    /**
     * Writes the image to {@code file}, and replaces what was there.
     *
     * @throws BootException if a file can no longer be read
     * @throws UncheckedIOException if {@code file} cannot be written
     */
    public void write(Path file) {
        Objects.requireNonNull(file, "file");
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
            writeTo(out);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the initramfs " + file, e);
        }
    }

    /**
     * Writes the image to {@code out}, which is not closed.
     *
     * @throws BootException if a file can no longer be read
     * @throws IOException if {@code out} cannot be written
     */
    public void writeTo(OutputStream out) throws IOException {
        Objects.requireNonNull(out, "out");
        if (base != null) {
            base.writeTo(out);
            out.write(new byte[(int) (-base.size() & (ALIGNMENT - 1))]);
        }
        CpioWriter cpio = new CpioWriter(out);
        for (Map.Entry<String, InitramfsEntries.Entry> entry : entries.entrySet()) {
            InitramfsEntries.Entry node = entry.getValue();
            cpio.entry(entry.getKey(), node.mode(), node.major(), node.minor(), node.content());
        }
        cpio.end();
    }

    /**
     * Collects the contents of an {@link Initramfs}. For one thread.
     *
     * <p>Paths are those in the guest, with or without a leading slash. Missing parent directories
     * are added with mode 0755; those of the {@linkplain #base(Path) base} stay as they are, and
     * symbolic links among them are followed. A second entry at a path replaces the first. Modes
     * are permissions such as 0755; everything belongs to root. Methods throw {@link
     * IllegalArgumentException} if a path has an empty part, {@code .} or {@code ..}, if its parent
     * is a file, or if a mode is not 0 to 07777, or is decimal where octal digits were meant (755
     * instead of 0755; see {@link FileMode}).
     */
    public static final class Builder {
        private final Map<String, InitramfsEntries.Entry> entries = new TreeMap<>();
        private final List<String> moduleLoadOrder = new ArrayList<>();
        private @Nullable InitramfsContent base;
        private @Nullable String rootDevice;

        private Builder() {}

        /** Adds a file with this content; the array is copied. */
        public Builder file(String path, byte[] content, int mode) {
            Objects.requireNonNull(path, "path");
            Objects.requireNonNull(content, "content");
            return add(path, CpioWriter.S_IFREG, mode, 0, 0, InitramfsContent.of(content.clone()));
        }

        /** Adds a text file, in UTF-8. */
        public Builder file(String path, String content, int mode) {
            Objects.requireNonNull(path, "path");
            Objects.requireNonNull(content, "content");
            return file(path, content.getBytes(StandardCharsets.UTF_8), mode);
        }

        /**
         * Adds a file with the content of {@code file}, which is read when the image is written.
         *
         * @throws BootException if it is not a readable file
         */
        public Builder file(String path, Path file, int mode) {
            Objects.requireNonNull(path, "path");
            Objects.requireNonNull(file, "file");
            return add(path, CpioWriter.S_IFREG, mode, 0, 0, InitramfsContent.of(file));
        }

        /** Adds a directory. */
        public Builder directory(String path, int mode) {
            Objects.requireNonNull(path, "path");
            return add(path, CpioWriter.S_IFDIR, mode, 0, 0, InitramfsContent.NONE);
        }

        /** Adds a symbolic link to {@code target}. */
        public Builder symlink(String path, String target) {
            Objects.requireNonNull(path, "path");
            Objects.requireNonNull(target, "target");
            return add(
                    path, CpioWriter.S_IFLNK, 0777, 0, 0, InitramfsContent.of(target.getBytes(StandardCharsets.UTF_8)));
        }

        /** Adds a character device node, such as {@code /dev/console} with 5 and 1. */
        public Builder characterDevice(String path, int major, int minor, int mode) {
            Objects.requireNonNull(path, "path");
            return add(path, CpioWriter.S_IFCHR, mode, major, minor, InitramfsContent.NONE);
        }

        /** Adds a block device node. */
        public Builder blockDevice(String path, int major, int minor, int mode) {
            Objects.requireNonNull(path, "path");
            return add(path, CpioWriter.S_IFBLK, mode, major, minor, InitramfsContent.NONE);
        }

        /**
         * Adds a program that ends the machine with a code: in the guest, {@code vm-exit CODE} as
         * root, 0 to 255. It writes to the exit port by ioperm(2), so it needs no {@code
         * /dev/port}.
         *
         * @param path of the program, such as {@code /sbin/vm-exit}
         */
        public Builder exitProgram(String path) {
            Objects.requireNonNull(path, "path");
            try (InputStream in = Initramfs.class.getResourceAsStream("vm-exit")) {
                return file(path, Objects.requireNonNull(in, "resource vm-exit").readAllBytes(), 0755);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /**
         * Adds {@code /init}, the first program that the kernel runs: a script with a {@code #!}
         * line.
         */
        public Builder init(String script) {
            Objects.requireNonNull(script, "script");
            return file("/init", script, 0755);
        }

        /**
         * Adds kernel modules and all that they need, unpacked, below {@code
         * /lib/modules/<release>}, without those that are built into the kernel. {@link
         * Initramfs#moduleLoadOrder()} then returns the order in which to load them.
         *
         * @param tree the kernel's folder {@code /lib/modules/<release>}, with its {@code
         *     modules.dep}
         * @param release the output of {@code uname -r} in the guest
         * @param names as {@code modprobe} takes them, such as {@code virtio_blk}
         * @throws BootException if there is no such module, it cannot be read, or is for another
         *     release
         */
        public Builder modules(Path tree, String release, List<String> names) {
            Objects.requireNonNull(tree, "tree");
            Objects.requireNonNull(release, "release");
            Objects.requireNonNull(names, "names");
            KernelModules modules = KernelModules.open(tree);
            for (String path : modules.loadOrder(names)) {
                String to = "/lib/modules/" + release + "/" + KernelModules.unpackedPath(path);
                if (moduleLoadOrder.contains(to)) continue;
                byte[] module = modules.read(path);
                KernelModules.requireRelease(path, module, release);
                file(to, module, 0644);
                moduleLoadOrder.add(to);
            }
            return this;
        }

        /**
         * Returns the guest paths of the modules added so far, in an order in which {@code insmod}
         * can load them.
         */
        public List<String> moduleLoadOrder() {
            return List.copyOf(moduleLoadOrder);
        }

        /**
         * Extends {@code image}: cpio archives, compressed or not. If both have a path, the entry
         * of this one counts, except for parents that are only implied. {@link #build} reads which
         * paths the image has.
         */
        public Builder base(byte[] image) {
            Objects.requireNonNull(image, "image");
            base = InitramfsContent.of(image.clone());
            return this;
        }

        /**
         * The same with the image in {@code file}.
         *
         * @throws BootException if it is not a readable file
         */
        public Builder base(Path file) {
            Objects.requireNonNull(file, "file");
            base = InitramfsContent.of(file);
            return this;
        }

        /**
         * Makes the initial file system.
         *
         * @throws BootException if the base is not an initial file system, a path leads through
         *     something that is no directory, or {@code /init} is nothing that the kernel can start
         */
        public Initramfs build() {
            if (rootDevice != null) init(RootDiskInit.script(rootDevice, moduleLoadOrder));
            return new Initramfs(this);
        }

        private Builder add(String path, int type, int mode, int major, int minor, InitramfsContent content) {
            FileMode.check(mode, path);
            String name = path.startsWith("/") ? path.substring(1) : path;
            for (String part : name.split("/", -1)) {
                if (part.isEmpty() || part.equals(".") || part.equals("..") || part.indexOf('\0') >= 0) {
                    throw new IllegalArgumentException(
                            "path '%s': must have no empty part, no . and no ..".formatted(path));
                }
            }
            checkParents(name);
            boolean leadsOn = type == CpioWriter.S_IFDIR || type == CpioWriter.S_IFLNK;
            if (!leadsOn && entries.keySet().stream().anyMatch(e -> e.startsWith(name + "/"))) {
                throw new IllegalArgumentException(
                        "/%s is a directory with entries, so nothing can replace it".formatted(name));
            }
            entries.put(name, new InitramfsEntries.Entry(type | mode, major, minor, content));
            return this;
        }

        private void checkParents(String name) {
            for (String parent : ArchiveTree.parentsOf(name)) {
                InitramfsEntries.Entry there = entries.get(parent);
                if (there != null && there.type() != CpioWriter.S_IFDIR && there.type() != CpioWriter.S_IFLNK) {
                    throw new IllegalArgumentException(
                            "/%s: its parent /%s is not a directory".formatted(name, parent));
                }
            }
        }
    }
}
