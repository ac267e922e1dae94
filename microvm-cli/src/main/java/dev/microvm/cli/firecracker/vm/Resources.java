package dev.microvm.cli.firecracker.vm;

import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.api.Bodies;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.devices.virtio.vsock.VirtioVsockOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What was configured before the start, checked as far and as early as Firecracker checks it. Its
 * methods throw {@link Refusal}, or {@link ApiFault} for what is not there. For one thread.
 */
final class Resources {
    /** The network in the process, which no interface can be called. */
    static final String USER_NETWORK = "microvm:user";

    private static final int MOST_VCPUS = 32;
    private static final long DEFAULT_MIB = 128;
    private static final int LEAST_MTU = 68;
    private static final String BLOCK = "Unable to create the virtio block device: ";

    private Fields machine = Fields.none(Bodies.MACHINE).with("vcpu_count", 1L).with("mem_size_mib", DEFAULT_MIB);
    private @Nullable Fields bootSource;
    private @Nullable Fields cpu;
    private @Nullable Fields balloon;
    private @Nullable Fields vsock;
    private @Nullable Fields entropy;
    private @Nullable Fields serial;
    private @Nullable Fields mmds;
    private final List<Fields> drives = new ArrayList<>(); // the root device first
    private final List<Fields> networks = new ArrayList<>();

    /** Returns what a snapshot's machine had, without checking it again. */
    static Resources of(Fields all) {
        Resources made = new Resources();
        made.machine = all.fields("machine-config").orElse(made.machine);
        made.bootSource = all.fields("boot-source").orElse(null);
        made.balloon = all.fields("balloon").orElse(null);
        made.vsock = all.fields("vsock").orElse(null);
        made.entropy = all.fields("entropy").orElse(null);
        made.mmds = all.fields("mmds-config").orElse(null);
        made.drives.addAll(all.list("drives"));
        made.networks.addAll(all.list("network-interfaces"));
        return made;
    }

    // ---- set

    void bootSource(Fields source) {
        HostFile.problem(source.text("kernel_image_path"), false).ifPresent(problem -> {
            throw new Refusal("The kernel file cannot be opened: " + problem);
        });
        source.maybeText("initrd_path")
                .flatMap(file -> HostFile.problem(file, false))
                .ifPresent(problem -> {
                    throw new Refusal(
                            "The initrd file cannot be opened due to invalid path or invalid permissions. " + problem);
                });
        if (!source.maybeText("boot_args").orElse("").chars().allMatch(each -> each >= ' ' && each <= '~')) {
            throw new Refusal("The kernel command line is invalid: String contains a non-printable ASCII character.");
        }
        bootSource = source;
    }

    /** Sets all of it; of a {@code PATCH} what the update has. */
    void machine(Fields update) {
        Fields before = update.isOf(Bodies.MACHINE) ? Fields.none(Bodies.MACHINE) : machine;
        Fields changed = before.with(update);
        long vcpus = changed.number("vcpu_count");
        if (vcpus == 0 || vcpus > MOST_VCPUS || (changed.flag("smt") && vcpus > 1 && vcpus % 2 == 1)) {
            throw new Refusal(
                    "The number of vCPUs must be greater than 0, less than %d and must be 1 or an even number if SMT is enabled."
                            .formatted(MOST_VCPUS));
        }
        long mib = changed.number("mem_size_mib");
        boolean huge = !changed.text("huge_pages").equals("None");
        if (mib == 0 || (huge && mib % 2 != 0)) {
            throw new Refusal("The memory size (MiB) is either 0, or not a multiple of the configured page size.");
        }
        if (balloon != null && mib < balloon.number("amount_mib")) {
            throw new Refusal("The memory size (MiB) is smaller than the previously set balloon device target size.");
        }
        if (huge) throw ApiFault.notSupported("huge_pages: memory has the pages that the host chooses");
        if (!changed.maybeText("cpu_template").orElse("None").equals("None")) {
            throw ApiFault.notSupported("cpu_template: static templates are for processors of EC2; use /cpu-config");
        }
        machine = changed;
    }

    void cpu(Fields template) {
        if (!template.texts("kvm_capabilities").isEmpty()) {
            throw ApiFault.notSupported("kvm_capabilities: capabilities are checked by the hypervisor");
        }
        if (!template.list("msr_modifiers").isEmpty()) {
            throw ApiFault.notSupported("msr_modifiers: model-specific registers cannot be changed");
        }
        cpu = template;
    }

    void drive(Fields drive) {
        boolean root = drive.flag("is_root_device");
        int at = indexOf(drives, "drive_id", drive.text("drive_id"));
        boolean otherRoot = !drives.isEmpty() && drives.getFirst().flag("is_root_device") && at != 0;
        if (root && otherRoot) throw new Refusal("A root block device already exists!");
        if (drive.has("socket")) throw ApiFault.notSupported("socket: there is no vhost-user; give path_on_host");
        if (!drive.has("path_on_host")) throw new Refusal(BLOCK + "Invalid block config.");
        checkImage(drive.text("path_on_host"), drive.flag("is_read_only")).ifPresent(problem -> {
            throw new Refusal(BLOCK + problem);
        });
        if (at >= 0) drives.remove(at);
        if (root) drives.addFirst(drive);
        else drives.add(at >= 0 ? at : drives.size(), drive);
    }

    /** Returns why an image cannot be opened; empty if it can. */
    static Optional<String> checkImage(String path, boolean readOnly) {
        return HostFile.problem(path, !readOnly)
                .map(problem ->
                        "Virtio backend error: Error manipulating the backing file: %s %s".formatted(problem, path));
    }

    void network(Fields network) {
        String id = network.text("iface_id");
        Optional<String> mac = network.maybeText("guest_mac");
        for (Fields other : networks) {
            boolean same = mac.isPresent()
                    && mac.get().equalsIgnoreCase(other.maybeText("guest_mac").orElse(""));
            if (same && !other.text("iface_id").equals(id)) {
                throw new Refusal("The MAC address is already in use: " + mac.get());
            }
        }
        if (network.has("mtu") && network.number("mtu") < LEAST_MTU) {
            throw new Refusal("Could not create the network device: MTU %d is out of range [68, 65535]"
                    .formatted(network.number("mtu")));
        }
        int at = indexOf(networks, "iface_id", id);
        if (at >= 0) networks.remove(at); // even if the new one is refused, as in Firecracker
        String tap = network.text("host_dev_name");
        if (!tap.equals(USER_NETWORK)) {
            if (indexOf(networks, "host_dev_name", tap) >= 0) throw new Refusal(Taps.busy(tap));
            Taps.check(tap);
        }
        networks.add(network);
    }

    void vsock(Fields device) {
        Path path = Path.of(device.text("uds_path"));
        if (Files.exists(path)) {
            throw new Refusal("Cannot create backend for vsock device: Error binding to the host-side Unix socket:"
                    + " Address already in use (os error 98)");
        }
        List<String> problems = new VirtioVsockOptions(device.number("guest_cid"), path).problems();
        if (!problems.isEmpty()) throw new Refusal("Cannot create vsock device: " + problems.getFirst());
        vsock = device;
    }

    void balloon(Fields device) {
        if (device.number("amount_mib") > memoryMib()) throw new Refusal("Amount of pages requested is too large.");
        balloon = device;
    }

    void entropy(Fields device) {
        entropy = device;
    }

    void serial(Fields device) {
        if (device.has("rate_limiter")) throw ApiFault.notSupported("rate_limiter of serial: leave it out");
        serial = device;
    }

    void mmds(Fields config) {
        if (!isLinkLocal(config.text("ipv4_address"))) {
            throw new Refusal("The MMDS IPv4 address is not link local.");
        }
        List<String> interfaces = config.texts("network_interfaces");
        if (interfaces.isEmpty()) {
            throw new Refusal("The list of network interface IDs that allow forwarding MMDS requests is empty.");
        }
        if (!interfaces.stream().allMatch(id -> indexOf(networks, "iface_id", id) >= 0)) {
            throw new Refusal("The list of network interface IDs provided contains at least one ID that does not"
                    + " correspond to any existing network interface.");
        }
        mmds = config;
    }

    /** Whether it is of 169.254.0.0/16, without the first and the last 256: RFC 3927, section 2.1. */
    private static boolean isLinkLocal(String address) {
        return address.startsWith("169.254.")
                && !address.startsWith("169.254.0.")
                && !address.startsWith("169.254.255.");
    }

    private static int indexOf(List<Fields> all, String key, String id) {
        for (int i = 0; i < all.size(); i++) if (all.get(i).text(key).equals(id)) return i;
        return -1;
    }

    // ---- changed while the machine runs

    /** Notes a change of a drive that has been made. */
    void driveChanged(int index, Fields changed) {
        drives.set(index, changed);
    }

    /** Notes a change of a network device that has been made. */
    void networkChanged(int index, Fields changed) {
        networks.set(index, changed);
    }

    /** Notes another path of the socket device. */
    void vsockChanged(Fields changed) {
        vsock = changed;
    }

    /** Notes a change of the balloon that has been made. */
    void balloonChanged(String key, long value) {
        if (balloon != null) balloon = balloon.with(key, value);
    }

    // ---- get

    Fields machine() {
        return machine;
    }

    long memoryMib() {
        return machine.number("mem_size_mib");
    }

    Optional<Fields> bootSource() {
        return Optional.ofNullable(bootSource);
    }

    Optional<Fields> cpu() {
        return Optional.ofNullable(cpu);
    }

    List<Fields> drives() {
        return List.copyOf(drives);
    }

    List<Fields> networks() {
        return List.copyOf(networks);
    }

    Optional<Fields> vsock() {
        return Optional.ofNullable(vsock);
    }

    Optional<Fields> balloon() {
        return Optional.ofNullable(balloon);
    }

    Optional<Fields> entropy() {
        return Optional.ofNullable(entropy);
    }

    Optional<Fields> serial() {
        return Optional.ofNullable(serial);
    }

    Optional<Fields> mmds() {
        return Optional.ofNullable(mmds);
    }

    /** Returns the number of a drive; -1 if there is none with that ID. */
    int drive(String id) {
        return indexOf(drives, "drive_id", id);
    }

    /** Returns the number of a network device; -1 if there is none with that ID. */
    int network(String id) {
        return indexOf(networks, "iface_id", id);
    }

    /** Returns everything, as {@code GET /vm/config} shows it. */
    Fields all() {
        Fields all = Fields.none(Bodies.VM_CONFIG)
                .with("drives", drives())
                .with("machine-config", machine)
                .with("network-interfaces", networks())
                .with(
                        "boot-source",
                        bootSource().orElse(Fields.none(Bodies.BOOT_SOURCE).with("kernel_image_path", "")));
        all = with(all, "balloon", balloon);
        all = with(all, "vsock", vsock);
        all = with(all, "entropy", entropy);
        return with(all, "mmds-config", mmds);
    }

    private static Fields with(Fields all, String key, @Nullable Fields value) {
        return value == null ? all : all.with(key, value);
    }
}
