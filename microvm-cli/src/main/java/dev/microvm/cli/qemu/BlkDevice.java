package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What {@code -device virtio-blk-device} says. */
final class BlkDevice implements Device {
    static final List<Property<BlkDevice>> PROPERTIES = List.of(
            maps(
                    "drive=ID",
                    "the image: a [-drive](#-drive) or [-blockdev](#-blockdev)",
                    (blk, value) -> blk.drive = value),
            maps("serial=TEXT", "`VirtioBlkOptions.serial`", (blk, value) -> blk.serial = value),
            maps(
                    "num-queues=N",
                    "`VirtioBlkOptions.queues(N)`; default 1",
                    (blk, value) -> blk.queues = (int) Values.number(value, 1, 0xffff)),
            maps("werror=report|enospc|auto, rerror=report|auto", "the guest always hears of errors", (blk, value) -> {
                Values.oneOf(value, "report", "enospc", "auto");
            }),
            maps("share-rw=off, scsi=off", "off here", (blk, value) -> Values.only(value, "off", "leave it out")),
            maps("logical_block_size=512", "the only one", (blk, value) -> Values.only(value, "512", "leave it out")),
            ignored(
                    "iothread, iothread-vq-mapping, config-wce, write-cache, discard, write-zeroes, physical_block_size,"
                            + " min_io_size, opt_io_size, discard_granularity, report-discard-granularity,"
                            + " max-discard-sectors, max-write-zeroes-sectors, request-merging, seg-max-adjust, cyls, heads,"
                            + " secs, lcyls, lheads, lsecs, account-*, backend_defaults, x-enable-wce-if-config-wce",
                    "as the device model does it"),
            refused("stats-intervals", "not here; leave it out"));

    private String drive = "";
    private String serial = "";
    private int queues = 1;

    @Override
    public void addTo(Invocation command) {
        @Nullable DiskSource source = command.drives.get(drive);
        if (source == null) source = command.nodes.get(drive);
        if (source == null) {
            throw new OptionException(
                    drive.isEmpty()
                            ? "needs a drive; add drive=ID, and -drive if=none,id=ID,format=raw,file=FILE"
                            : "there is no drive " + drive + "; give it by -drive if=none,id=" + drive + ",...");
        }
        DiskImage image = source.image(command);
        command.vm.virtioBlk(VirtioBlkOptions.of(command.snapshot ? image.overlay() : image)
                .serial(serial.isEmpty() ? source.serial() : serial)
                .queues(queues)
                .rateLimit(source.limit(command)));
        command.disks.add(drive);
    }
}
