package dev.microvm.cli.firecracker.vm;

import dev.microvm.ConsoleTarget;
import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.user.DetourNetwork;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.net.VirtioNetOptions;
import dev.microvm.model.Feature;
import dev.microvm.model.HaltAction;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Turns what was configured into the description of a machine. */
final class Assembly {
    /** The command line of a kernel that was given none: Firecracker's {@code DEFAULT_KERNEL_CMDLINE}. */
    static final String DEFAULT_CMDLINE =
            "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux" + " i8042.dumbkbd swiotlb=noforce";

    private static final int HTTP_PORT = 80;
    private static final long MOST_MIB = 1L << (47 - 20); // TASK_SIZE_MAX, arch/x86/include/asm/page_64_types.h
    private static final int LONGEST_NAME = 40; // of a machine

    private final Resources resources;
    private final Settings settings;
    private final @Nullable Path mmdsSocket;

    /**
     * Makes one.
     *
     * @param mmdsSocket where the metadata service listens; null if there is none
     */
    Assembly(Resources resources, Settings settings, @Nullable Path mmdsSocket) {
        this.resources = resources;
        this.settings = settings;
        this.mmdsSocket = mmdsSocket;
    }

    /**
     * Returns the description.
     *
     * @throws Refusal if there is no kernel, or no process has addresses for so much memory
     */
    MicroVmBuilder builder() {
        if (resources.memoryMib() >= MOST_MIB) {
            throw new Refusal("Invalid Memory Configuration: Cannot create mmap region: Out of memory (os error 12)");
        }
        Fields source = resources
                .bootSource()
                .orElseThrow(() -> new Refusal("Cannot start microvm without kernel configuration."));
        MicroVmBuilder builder = MicroVm.builder()
                .name(name(settings.id()))
                .kernel(Path.of(source.text("kernel_image_path")))
                .cmdline(cmdline(source))
                .memoryMiB((int) Math.min(Integer.MAX_VALUE, resources.memoryMib()))
                .vcpus(resources.machine().integer("vcpu_count"))
                .smt(resources.machine().flag("smt") ? Feature.ON : Feature.OFF)
                .acpi(needsNoAcpi(source) ? Feature.OFF : Feature.AUTO)
                .onHalt(HaltAction.STAY)
                .serial(console());
        source.maybeText("initrd_path").ifPresent(file -> builder.initrd(Path.of(file)));
        for (Fields drive : resources.drives()) builder.virtioBlk(disk(drive));
        for (Fields network : resources.networks()) builder.virtioNet(backend(network), options(network));
        resources.balloon().ifPresent(balloon -> builder.virtioBalloon(options(balloon, resources)));
        resources
                .vsock()
                .ifPresent(vsock -> builder.virtioVsock(vsock.number("guest_cid"), Path.of(vsock.text("uds_path"))));
        resources.entropy().ifPresent(entropy -> builder.virtioRng(Limits.of(entropy.fields("rate_limiter"))));
        if (settings.bootTimer()) {
            builder.mmioDevice(
                    "boot-timer", BootTimer.ADDRESS, BootTimer.SIZE, context -> new BootTimer(settings.log()));
        }
        resources.cpu().ifPresent(template -> CpuTemplate.apply(template, builder));
        return builder;
    }

    /** Whether the kernel is told not to use ACPI; it is then told of its devices by command line. */
    static boolean needsNoAcpi(Fields source) {
        return List.of(source.maybeText("boot_args").orElse("").split(" ")).contains("acpi=off");
    }

    /** Returns an ID as the name of a machine, which is shorter. */
    static String name(String id) {
        return id.length() <= LONGEST_NAME ? id : id.substring(0, LONGEST_NAME);
    }

    private ConsoleTarget console() {
        return resources
                .serial()
                .flatMap(serial -> serial.maybeText("serial_out_path"))
                .map(path -> ConsoleTarget.file(Path.of(path)))
                .orElse(settings.console());
    }

    /** Appends the root device, as Firecracker does. */
    private String cmdline(Fields source) {
        String given = source.maybeText("boot_args").orElse(DEFAULT_CMDLINE);
        return resources.drives().stream()
                .filter(drive -> drive.flag("is_root_device"))
                .findFirst()
                .map(root -> "%s root=%s %s"
                        .formatted(
                                given,
                                root.maybeText("partuuid")
                                        .map(uuid -> "PARTUUID=" + uuid)
                                        .orElse("/dev/vda"),
                                root.flag("is_read_only") ? "ro" : "rw"))
                .orElse(given)
                .strip();
    }

    private static VirtioBlkOptions disk(Fields drive) {
        return VirtioBlkOptions.of(image(drive)).rateLimit(Limits.of(drive.fields("rate_limiter")));
    }

    /** Returns the image of a drive. */
    static DiskImage image(Fields drive) {
        DiskImage image = DiskImage.raw(Path.of(drive.text("path_on_host")));
        return drive.flag("is_read_only") ? image.readOnly() : image;
    }

    /** Returns the network of a device, with the metadata service before it if that is configured. */
    NetBackend backend(Fields network) {
        String tap = network.text("host_dev_name");
        NetBackend backend =
                tap.equals(Resources.USER_NETWORK) ? UserNetwork.builder().build() : new TapBackend(tap);
        Fields mmds = resources.mmds().orElse(null);
        if (mmds == null || mmdsSocket == null) return backend;
        if (!mmds.texts("network_interfaces").contains(network.text("iface_id"))) return backend;
        return new DetourNetwork(backend, mmds.text("ipv4_address"), HTTP_PORT, mmdsSocket);
    }

    private static VirtioNetOptions options(Fields network) {
        VirtioNetOptions options = VirtioNetOptions.DEFAULT
                .toGuest(Limits.of(network.fields("rx_rate_limiter")))
                .fromGuest(Limits.of(network.fields("tx_rate_limiter")));
        return network.maybeText("guest_mac")
                .map(mac -> options.address(MacAddress.parse(mac)))
                .orElse(options);
    }

    private static VirtioBalloonOptions options(Fields balloon, Resources resources) {
        return VirtioBalloonOptions.DEFAULT
                .targetMiB((int) Math.min(resources.memoryMib(), balloon.number("amount_mib")))
                .deflateOnOom(balloon.flag("deflate_on_oom"))
                .freePageReporting(balloon.flag("free_page_reporting"))
                .freePageHinting(balloon.flag("free_page_hinting"))
                .statisticsInterval(interval(balloon));
    }

    static Duration interval(Fields balloon) {
        return Duration.ofSeconds(balloon.number("stats_polling_interval_s"));
    }
}
