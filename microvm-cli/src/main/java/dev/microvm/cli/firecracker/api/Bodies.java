package dev.microvm.cli.firecracker.api;

import static dev.microvm.cli.firecracker.json.Type.FLAG;
import static dev.microvm.cli.firecracker.json.Type.TEXT;
import static dev.microvm.cli.firecracker.json.Type.TEXTS;
import static dev.microvm.cli.firecracker.json.Type.U16;
import static dev.microvm.cli.firecracker.json.Type.U32;
import static dev.microvm.cli.firecracker.json.Type.U64;
import static dev.microvm.cli.firecracker.json.Type.U8;
import static dev.microvm.cli.firecracker.json.Type.choice;

import dev.microvm.cli.firecracker.json.Shape;
import dev.microvm.cli.firecracker.json.Type;
import dev.microvm.cli.firecracker.json.Type.Many;
import dev.microvm.cli.firecracker.json.Type.PathOr;
import dev.microvm.cli.firecracker.json.Type.Structure;
import java.util.List;

/**
 * The bodies of the calls, in the order of keys of Firecracker's structures ({@code
 * src/vmm/src/vmm_config}). Remarks say where this implementation differs.
 */
public final class Bodies {
    private static final String NOT_THERE = "not there: 400";

    /** The address of the metadata service. */
    private static final String MMDS_ADDRESS = "169.254.169.254";

    /** A bucket of a rate limiter. */
    public static final Shape TOKEN_BUCKET = Shape.named("TokenBucketConfig")
            .required("size", U64)
            .optional("one_time_burst", U64)
            .remark("accepted, without effect: up to 50 ms worth pass at once")
            .required("refill_time", U64)
            .remark("the rate is `size` in `refill_time` milliseconds");

    /** A rate limiter. */
    public static final Shape RATE_LIMITER = Shape.named("RateLimiterConfig")
            .optional("bandwidth", new Structure(TOKEN_BUCKET))
            .optional("ops", new Structure(TOKEN_BUCKET));

    private static final Type LIMITER = new Structure(RATE_LIMITER);

    public static final Shape ACTION = Shape.named("ActionBody")
            .required("action_type", choice("FlushMetrics", "InstanceStart", "SendCtrlAltDel"))
            .remark("`SendCtrlAltDel` presses the power button: the machine has no keyboard");

    public static final Shape BOOT_SOURCE = Shape.named("BootSourceConfig")
            .required("kernel_image_path", TEXT)
            .remark("vmlinux, bzImage or Multiboot")
            .optional("initrd_path", TEXT)
            .optional("boot_args", TEXT);

    public static final Shape MACHINE = Shape.named("MachineConfig")
            .required("vcpu_count", U8)
            .required("mem_size_mib", U64)
            .defaulted("smt", FLAG, false)
            .remark("each two vCPUs are threads of a core")
            .hidden("cpu_template", choice("C3", "T2", "T2S", "T2CL", "T2A", "None"))
            .remark("all but `None` are " + NOT_THERE + "; use `/cpu-config`")
            .defaulted("track_dirty_pages", FLAG, false)
            .remark("accepted, without effect: a snapshot of type `Diff` needs no tracking")
            .defaulted("huge_pages", choice("None", "Transparent", "2M"), "None")
            .remark("all but `None` are " + NOT_THERE);

    public static final Shape MACHINE_UPDATE = Shape.named("MachineConfigUpdate")
            .optional("vcpu_count", U8)
            .optional("mem_size_mib", U64)
            .optional("smt", FLAG)
            .optional("cpu_template", choice("C3", "T2", "T2S", "T2CL", "T2A", "None"))
            .optional("track_dirty_pages", FLAG)
            .optional("huge_pages", choice("None", "Transparent", "2M"))
            .remark("as in `PUT`");

    /** A drive, in the order in which Firecracker shows it. */
    public static final Shape DRIVE = Shape.named("BlockDeviceConfig")
            .required("drive_id", TEXT)
            .optional("partuuid", TEXT)
            .required("is_root_device", FLAG)
            .defaulted("cache_type", choice("Unsafe", "Writeback"), "Unsafe")
            .remark("the guest's flushes are honoured in either case")
            .optional("is_read_only", FLAG, false)
            .optional("path_on_host", TEXT)
            .remark("a raw image or a block device")
            .optional("rate_limiter", LIMITER)
            .optional("io_engine", choice("Sync", "Async"), "Sync")
            .remark("either: a thread serves each disk")
            .optional("socket", TEXT)
            .remark("vhost-user is " + NOT_THERE);

    public static final Shape DRIVE_UPDATE = Shape.named("BlockDeviceUpdateConfig")
            .required("drive_id", TEXT)
            .optional("path_on_host", TEXT)
            .optional("rate_limiter", LIMITER);

    public static final Shape NETWORK = Shape.named("NetworkInterfaceConfig")
            .required("iface_id", TEXT)
            .required("host_dev_name", TEXT)
            .remark("a tap; `microvm:user` is a network in the process, which needs no rights")
            .optional("guest_mac", Type.mac())
            .optional("mtu", U16)
            .remark("must be that of the tap")
            .optional("rx_rate_limiter", LIMITER)
            .optional("tx_rate_limiter", LIMITER);

    public static final Shape NETWORK_UPDATE = Shape.named("NetworkInterfaceUpdateConfig")
            .required("iface_id", TEXT)
            .optional("rx_rate_limiter", LIMITER)
            .optional("tx_rate_limiter", LIMITER);

    public static final Shape VSOCK = Shape.named("VsockDeviceConfig")
            .hidden("vsock_id", TEXT)
            .required("guest_cid", U32)
            .required("uds_path", TEXT);

    public static final Shape BALLOON = Shape.named("BalloonDeviceConfig")
            .required("amount_mib", U32)
            .required("deflate_on_oom", FLAG)
            .defaulted("stats_polling_interval_s", U16, 0L)
            .defaulted("free_page_hinting", FLAG, false)
            .defaulted("free_page_reporting", FLAG, false);

    public static final Shape HINTING_START = Shape.named("StartHintingCmd")
            .defaulted("acknowledge_on_stop", FLAG, true)
            .open();

    public static final Shape BALLOON_UPDATE =
            Shape.named("BalloonUpdateConfig").required("amount_mib", U32);

    public static final Shape BALLOON_STATISTICS_UPDATE =
            Shape.named("BalloonUpdateStatsConfig").required("stats_polling_interval_s", U16);

    public static final Shape ENTROPY = Shape.named("EntropyDeviceConfig").optional("rate_limiter", LIMITER);

    public static final Shape SERIAL = Shape.named("SerialConfig")
            .optional("serial_out_path", TEXT)
            .optional("rate_limiter", new Structure(TOKEN_BUCKET))
            .remark(NOT_THERE);

    public static final Shape LOGGER = Shape.named("LoggerConfig")
            .optional("log_path", TEXT)
            .optional(
                    "level",
                    Type.pattern(
                            "level",
                            "(?i)off|trace|debug|info|warn|warning|error",
                            "Failed to parse string to level. Please use one of the following: off, trace, debug,"
                                    + " info, warn, error."))
            .optional("show_level", FLAG)
            .optional("show_log_origin", FLAG)
            .optional("module", TEXT)
            .remark("accepted; the log is of the API alone");

    public static final Shape METRICS = Shape.named("MetricsConfig")
            .required("metrics_path", TEXT)
            .defaulted("emit_id", FLAG, false)
            .hidden("properties", TEXTS)
            .open();

    public static final Shape MMDS_CONFIG = Shape.named("MmdsConfig")
            .defaulted("version", choice("V1", "V2"), "V1")
            .required("network_interfaces", new Many(TEXT))
            .optional(
                    "ipv4_address",
                    Type.pattern(
                            "IPv4 address",
                            "(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?:\\.(?!$)|$)){4}",
                            "invalid IPv4 address syntax"),
                    MMDS_ADDRESS)
            .defaulted("imds_compat", FLAG, false);

    private static final Shape CPUID_REGISTER = Shape.named("CpuidRegisterModifier")
            .required(
                    "register",
                    Type.pattern("register", "e[abcd]x", "Invalid CPUID register. Must be one of [eax, ebx, ecx, edx]"))
            .required("bitmap", Type.pattern("bitmap", "(?:0b)?[01x_]{1,64}", "Failed to parse string as a bitmap"))
            .open();

    private static final Type HEX =
            Type.pattern("number", "0x\\p{XDigit}{1,8}|0b[01]{1,32}|\\d{1,9}", "Failed to parse string to a number");

    private static final Shape CPUID_LEAF = Shape.named("CpuidLeafModifier")
            .required("leaf", HEX)
            .required("subleaf", HEX)
            .required("flags", U32)
            .required("modifiers", new Many(new Structure(CPUID_REGISTER)))
            .open();

    public static final Shape CPU = Shape.named("CustomCpuTemplate")
            .defaulted("kvm_capabilities", new Many(TEXT), List.of())
            .remark(NOT_THERE + " unless empty")
            .defaulted("cpuid_modifiers", new Many(new Structure(CPUID_LEAF)), List.of())
            .defaulted(
                    "msr_modifiers",
                    new Many(new Structure(Shape.named("RegisterModifier").open())),
                    List.of())
            .remark(NOT_THERE + " unless empty");

    public static final Shape VM = Shape.named("Vm").required("state", choice("Paused", "Resumed"));

    public static final Shape SNAPSHOT_CREATE = Shape.named("CreateSnapshotParams")
            .defaulted("snapshot_type", choice("Diff", "Full"), "Full")
            .remark("`Diff` stands on the newest snapshot that was created or loaded, whose folder must stay")
            .required("snapshot_path", TEXT)
            .remark("a folder, which is made")
            .required("mem_file_path", TEXT)
            .remark("becomes a symbolic link to the memory in that folder");

    private static final Shape MEM_BACKEND = Shape.named("MemBackendConfig")
            .required("backend_path", TEXT)
            .required("backend_type", choice("File", "Uffd"));

    public static final Shape SNAPSHOT_LOAD = Shape.named("LoadSnapshotConfig")
            .required("snapshot_path", TEXT)
            .remark("the folder")
            .optional("mem_file_path", TEXT)
            .optional("mem_backend", new Structure(MEM_BACKEND))
            .remark("must lead to the memory in the folder; `Uffd` is " + NOT_THERE)
            .defaulted("enable_diff_snapshots", FLAG, false)
            .defaulted("track_dirty_pages", FLAG, false)
            .defaulted("resume_vm", FLAG, false)
            .defaulted(
                    "network_overrides",
                    new Many(new Structure(Shape.named("NetworkOverride")
                            .required("iface_id", TEXT)
                            .required("host_dev_name", TEXT)
                            .open())),
                    List.of())
            .optional(
                    "vsock_override",
                    new Structure(Shape.named("VsockOverride")
                            .required("uds_path", TEXT)
                            .open()))
            .defaulted("clock_realtime", FLAG, false)
            .defaulted("huge_pages", choice("Snapshot", "None", "Transparent", "2M"), "Snapshot")
            .remark("all but `Snapshot` and `None` are " + NOT_THERE);

    /** What has no shape here, because the call is not there. */
    private static final Shape ANY = Shape.named("Value").open();

    /** The configuration file, and what {@code GET /vm/config} shows. */
    public static final Shape VM_CONFIG = Shape.named("VmmConfig")
            .optional("balloon", new Structure(BALLOON))
            .required("drives", new Many(new Structure(DRIVE)))
            .required("boot-source", new Structure(BOOT_SOURCE))
            .optional("cpu-config", new PathOr(CPU))
            .optional("logger", new Structure(LOGGER))
            .optional("machine-config", new Structure(MACHINE))
            .optional("metrics", new Structure(METRICS))
            .optional("mmds-config", new Structure(MMDS_CONFIG))
            .defaulted("network-interfaces", new Many(new Structure(NETWORK)), List.of())
            .optional("vsock", new Structure(VSOCK))
            .optional("entropy", new Structure(ENTROPY))
            .defaulted("pmem", new Many(new Structure(ANY)), List.of())
            .optional("memory-hotplug", new Structure(ANY))
            .open();

    private Bodies() {}
}
