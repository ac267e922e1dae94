package dev.microvm.cli.firecracker.api;

import dev.microvm.cli.firecracker.json.Shape;
import org.jspecify.annotations.Nullable;

/** The calls of the API, in the order of their paths. The table in docs/firecracker.md is made of them. */
@SuppressWarnings("ImmutableEnumChecker") // a Shape is immutable
public enum Call {
    GET_INSTANCE("GET", "/", When.ALWAYS, null, "instance_info"),
    PUT_ACTIONS("PUT", "/actions", When.ALWAYS, Bodies.ACTION, "actions"),
    GET_BALLOON("GET", "/balloon", When.ALWAYS, null, ""),
    PUT_BALLOON("PUT", "/balloon", When.BEFORE_START, Bodies.BALLOON, ""),
    PATCH_BALLOON("PATCH", "/balloon", When.AFTER_START, Bodies.BALLOON_UPDATE, ""),
    GET_BALLOON_STATISTICS("GET", "/balloon/statistics", When.AFTER_START, null, ""),
    PATCH_BALLOON_STATISTICS("PATCH", "/balloon/statistics", When.AFTER_START, Bodies.BALLOON_STATISTICS_UPDATE, ""),
    PATCH_HINTING_START("PATCH", "/balloon/hinting/start", When.AFTER_START, Bodies.HINTING_START, ""),
    GET_HINTING_STATUS("GET", "/balloon/hinting/status", When.AFTER_START, null, ""),
    PATCH_HINTING_STOP("PATCH", "/balloon/hinting/stop", When.AFTER_START, null, ""),
    PUT_BOOT_SOURCE("PUT", "/boot-source", When.BEFORE_START, Bodies.BOOT_SOURCE, "boot_source"),
    PUT_CPU_CONFIG("PUT", "/cpu-config", When.BEFORE_START, Bodies.CPU, "cpu_cfg"),
    PUT_DRIVE("PUT", "/drives/{drive_id}", When.BEFORE_START, Bodies.DRIVE, "drive"),
    PATCH_DRIVE("PATCH", "/drives/{drive_id}", When.AFTER_START, Bodies.DRIVE_UPDATE, "drive"),
    PUT_ENTROPY("PUT", "/entropy", When.BEFORE_START, Bodies.ENTROPY, ""),
    HOTPLUG_MEMORY("GET, PUT, PATCH", "/hotplug/memory", When.NEVER, null, "hotplug_memory"),
    PUT_LOGGER("PUT", "/logger", When.BEFORE_START, Bodies.LOGGER, "logger"),
    GET_MACHINE_CONFIG("GET", "/machine-config", When.ALWAYS, null, "machine_cfg"),
    PUT_MACHINE_CONFIG("PUT", "/machine-config", When.BEFORE_START, Bodies.MACHINE, "machine_cfg"),
    PATCH_MACHINE_CONFIG("PATCH", "/machine-config", When.BEFORE_START, Bodies.MACHINE_UPDATE, "machine_cfg"),
    PUT_METRICS("PUT", "/metrics", When.BEFORE_START, Bodies.METRICS, "metrics"),
    GET_MMDS("GET", "/mmds", When.ALWAYS, null, "mmds"),
    PUT_MMDS("PUT", "/mmds", When.ALWAYS, null, "mmds"),
    PATCH_MMDS("PATCH", "/mmds", When.ALWAYS, null, "mmds"),
    PUT_MMDS_CONFIG("PUT", "/mmds/config", When.BEFORE_START, Bodies.MMDS_CONFIG, "mmds"),
    PUT_NETWORK("PUT", "/network-interfaces/{iface_id}", When.BEFORE_START, Bodies.NETWORK, "network"),
    PATCH_NETWORK("PATCH", "/network-interfaces/{iface_id}", When.AFTER_START, Bodies.NETWORK_UPDATE, "network"),
    PMEM("PUT, PATCH", "/pmem/{id}", When.NEVER, null, "pmem"),
    PUT_SERIAL("PUT", "/serial", When.BEFORE_START, Bodies.SERIAL, "serial"),
    PUT_SNAPSHOT_CREATE("PUT", "/snapshot/create", When.AFTER_START, Bodies.SNAPSHOT_CREATE, ""),
    PUT_SNAPSHOT_LOAD("PUT", "/snapshot/load", When.BEFORE_START, Bodies.SNAPSHOT_LOAD, ""),
    UNPLUG("DELETE", "/{drives, pmem, network-interfaces}/{id}", When.NEVER, null, ""),
    GET_VERSION("GET", "/version", When.ALWAYS, null, "vmm_version"),
    PATCH_VM("PATCH", "/vm", When.AFTER_START, Bodies.VM, ""),
    GET_VM_CONFIG("GET", "/vm/config", When.ALWAYS, null, ""),
    PUT_VSOCK("PUT", "/vsock", When.BEFORE_START, Bodies.VSOCK, "vsock");

    /** When a call may be made. */
    public enum When {
        /** Before {@code InstanceStart}. */
        BEFORE_START,
        /** After it. */
        AFTER_START,
        /** At any time. */
        ALWAYS,
        /** It is not there. */
        NEVER
    }

    private final String method;
    private final String path;
    private final When when;
    private final @Nullable Shape body;
    private final String metric;

    Call(String method, String path, When when, @Nullable Shape body, String metric) {
        this.method = method;
        this.path = path;
        this.when = when;
        this.body = body;
        this.metric = metric;
    }

    /** Returns the method of HTTP. */
    public String method() {
        return method;
    }

    /** Returns the path. */
    public String path() {
        return path;
    }

    /** Returns when it may be made. */
    public When when() {
        return when;
    }

    /** Returns the shape of its body; null if it has none, or any. */
    public @Nullable Shape body() {
        return body;
    }

    /** Returns the begin of its names in the metrics; empty if it has none. */
    public String metric() {
        return metric;
    }
}
