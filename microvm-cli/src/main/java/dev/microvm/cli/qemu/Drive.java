package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.backend.disk.CacheMode;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.limits.RateLimit;
import java.nio.file.Path;
import java.util.List;

/** What {@code -drive} says: the image of a disk. */
final class Drive implements DiskSource {
    static final Grammar<Drive> GRAMMAR = new Grammar<>(
            "-drive",
            "",
            List.of(
                    maps("id=ID", "the name for `drive=ID` of the device", (drive, value) -> drive.id = value),
                    maps(
                            "if=none",
                            "the only one, and the default of this machine: the disk is what `-device virtio-blk-device,drive=ID` adds. Other values are refused",
                            (drive, value) -> Values.only(
                                    value, "none", "use if=none,id=ID and -device virtio-blk-device,drive=ID")),
                    maps("file=FILE", "the file of the `DiskImage`", Drive::file),
                    maps(
                            "format=raw|qcow2, driver=raw|qcow2",
                            "`DiskImage.raw(file)`, `DiskImage.qcow2(file)`; required, because a format is never guessed",
                            (drive, value) -> drive.format = Values.oneOf(value, "raw", "qcow2")),
                    maps(
                            "readonly=on|off, read-only=on|off",
                            "`image.readOnly()`",
                            (drive, value) -> drive.readOnly = Values.isOn(value)),
                    maps(
                            "snapshot=on|off",
                            "`image.overlay()`: writes stay in memory and end with the run",
                            (drive, value) -> drive.overlay = Values.isOn(value)),
                    maps(
                            "cache=writeback|none|unsafe",
                            "`image.cache(WRITEBACK|NONE)`; with unsafe, flushes still reach the medium. writethrough and"
                                    + " directsync are refused: guests flush",
                            Drive::cache),
                    maps(
                            "backing.driver=raw|qcow2, backing.format=raw|qcow2",
                            "the format of the backing image; default raw",
                            (drive, value) -> {
                                drive.backingFormat = Values.oneOf(value, "raw", "qcow2");
                            }),
                    maps(
                            "backing.file.filename=FILE, backing.filename=FILE",
                            "`image.backing(...)`: unlike in QEMU, a backing file is opened only if the command line names it",
                            (drive, value) -> drive.backingFile = value),
                    maps("serial=TEXT", "`VirtioBlkOptions.serial`", (drive, value) -> drive.serial = value),
                    maps(
                            "bps=N, throttling.bps-total=N",
                            "`VirtioBlkOptions.rateLimit`: bytes a second",
                            (drive, value) -> drive.bytes = Values.number(value, 0, Long.MAX_VALUE)),
                    maps(
                            "iops=N, throttling.iops-total=N",
                            "`VirtioBlkOptions.rateLimit`: requests a second",
                            (drive, value) -> drive.requests = Values.number(value, 0, Long.MAX_VALUE)),
                    maps(
                            "media=disk",
                            "the only one",
                            (drive, value) -> Values.only(value, "disk", "give the image to a disk, readonly=on")),
                    maps(
                            "copy-on-read=off",
                            "the only one",
                            (drive, value) -> Values.only(value, "off", "leave it out")),
                    maps(
                            "werror=report|enospc, rerror=report",
                            "the guest always hears of errors; QEMU stops at a full disk",
                            (drive, value) -> Values.oneOf(value, "report", "enospc")),
                    maps(
                            "file.locking=on|auto, locking=on|auto",
                            "always on; the locks are QEMU's",
                            (drive, value) -> Values.oneOf(value, "on", "auto")),
                    ignored("index, bus, unit", "a disk's place follows from the order of the devices"),
                    ignored("aio, cache.direct, cache.no-flush, detect-zeroes, discard", "as the back end does it"),
                    refused(
                            "bps*, iops*, throttling.*, group",
                            "only totals; use bps=N and iops=N, or -object throttle-group"),
                    refused("node-name, file.*", "use -blockdev")));

    String id = "";
    private String file = "";
    private String format = "";
    private boolean readOnly;
    private boolean overlay;
    private CacheMode cache = CacheMode.WRITEBACK;
    private String serial = "";
    private String backingFile = "";
    private String backingFormat = "raw";
    private long bytes;
    private long requests;

    private void file(String value) {
        BlockNode.requireFile(value);
        file = value;
    }

    private void cache(String value) {
        cache = switch (value) {
            case "writeback", "unsafe" -> CacheMode.WRITEBACK;
            case "none" -> CacheMode.NONE;
            default ->
                throw new OptionException(
                        "writeback, none or unsafe, was \"" + value + "\"; use writeback: guests flush");
        };
    }

    /** Adds a drive of a command line. */
    static void add(String text, Invocation command) {
        Drive drive = new Drive();
        GRAMMAR.apply(text, drive, command);
        if (drive.id.isEmpty())
            throw new OptionException("needs an id: add if=none,id=ID, and -device virtio-blk-device,drive=ID");
        if (drive.file.isEmpty()) throw new OptionException("needs a file: add file=FILE");
        if (drive.format.isEmpty()) {
            throw new OptionException("needs a format, which is never guessed; add format=raw or format=qcow2");
        }
        command.keep(command.drives, drive.id, "drive", drive);
    }

    @Override
    public DiskImage image(Invocation command) {
        DiskImage image = of(format, file).cache(cache);
        if (!backingFile.isEmpty()) image = image.backing(of(backingFormat, backingFile));
        if (readOnly) image = image.readOnly();
        return overlay ? image.overlay() : image;
    }

    private static DiskImage of(String format, String file) {
        return format.equals("qcow2") ? DiskImage.qcow2(Path.of(file)) : DiskImage.raw(Path.of(file));
    }

    @Override
    public RateLimit limit(Invocation command) {
        return new RateLimit(bytes, requests);
    }

    @Override
    public String serial() {
        return serial;
    }
}
