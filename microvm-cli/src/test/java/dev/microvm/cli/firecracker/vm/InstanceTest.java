package dev.microvm.cli.firecracker.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The calls before the start of a machine. */
final class InstanceTest {
    private static final String PRE_BOOT = "The requested operation is not supported before starting the microVM.";

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private final ApiDriver api = new ApiDriver();

    @AfterEach
    void close() {
        api.close();
    }

    private Path file(String name) throws IOException {
        return Files.write(folder.resolve(name), new byte[4096]);
    }

    private static String drive(String id, Path path, boolean root) {
        return "{\"drive_id\": \"%s\", \"path_on_host\": \"%s\", \"is_root_device\": %s}".formatted(id, path, root);
    }

    @Test
    void tellsWhatItIs() {
        assertThat(api.get("/"))
                .isEqualTo(
                        "{\"id\":\"test\",\"state\":\"Not started\",\"vmm_version\":\"%s\",\"app_name\":\"Firecracker\"}"
                                .formatted(Instance.FIRECRACKER_VERSION));
        assertThat(api.get("/version")).isEqualTo("{\"firecracker_version\":\"" + Instance.FIRECRACKER_VERSION + "\"}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
        PUT   | /actions            | {"action_type": "FlushMetrics"}
        PUT   | /actions            | {"action_type": "SendCtrlAltDel"}
        PATCH | /vm                 | {"state": "Paused"}
        PATCH | /vm                 | {"state": "Resumed"}
        GET   | /balloon/statistics |
        PATCH | /balloon            | {"amount_mib": 1}
        PATCH | /balloon/statistics | {"stats_polling_interval_s": 1}
        PATCH | /drives/a           | {"drive_id": "a"}
        PATCH | /network-interfaces/a | {"iface_id": "a"}
        GET   | /hotplug/memory     |
        PATCH | /pmem/a             | {}
        PATCH | /balloon/hinting/start |
        DELETE | /drives/a          |
        PUT   | /snapshot/create    | {"snapshot_path": "s", "mem_file_path": "m"}
        """)
    void refusesWhatNeedsAMachine(String method, String path, String body) {
        assertThat(api.refused(method, path, body == null ? "" : body)).isEqualTo(PRE_BOOT);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
        PUT    | /pmem/a                | {} | virtio-pmem: use a drive
        PUT    | /hotplug/memory        | {} | memory hotplug: use the balloon
        PUT    | /machine-config        | {"vcpu_count": 2, "mem_size_mib": 64, "cpu_template": "T2"} | cpu_template: static templates are for processors of EC2; use /cpu-config
        PUT    | /machine-config        | {"vcpu_count": 2, "mem_size_mib": 64, "huge_pages": "2M"} | huge_pages: memory has the pages that the host chooses
        PUT    | /cpu-config            | {"msr_modifiers": [{}]} | msr_modifiers: model-specific registers cannot be changed
        PUT    | /drives/a              | {"drive_id": "a", "is_root_device": false, "socket": "s"} | socket: there is no vhost-user; give path_on_host
        """)
    void saysWhatIsNotThere(String method, String path, String body, String what) {
        assertThat(api.refused(method, path, body == null ? "" : body))
                .isEqualTo("The requested operation is not supported: " + what);
    }

    @Test
    void keepsTheMachineConfiguration() {
        assertThat(api.get("/machine-config"))
                .isEqualTo("{\"vcpu_count\":1,\"mem_size_mib\":128,\"smt\":false,\"track_dirty_pages\":false,"
                        + "\"huge_pages\":\"None\"}");

        api.put("/machine-config", "{\"vcpu_count\": 4, \"mem_size_mib\": 256}");
        assertThat(api.call("PATCH", "/machine-config", "{\"mem_size_mib\": 64}")
                        .status())
                .isEqualTo(204);

        assertThat(api.get("/machine-config")).startsWith("{\"vcpu_count\":4,\"mem_size_mib\":64,");
    }

    @Test
    void takesThreadsOfACore_andARateLimitOfEntropy() {
        api.put("/machine-config", "{\"vcpu_count\": 2, \"mem_size_mib\": 64, \"smt\": true}");
        api.put("/entropy", "{\"rate_limiter\": {\"bandwidth\": {\"size\": 1000, \"refill_time\": 100}}}");

        assertThat(api.get("/machine-config")).contains("\"smt\":true");
        assertThat(api.get("/vm/config")).contains("\"bandwidth\":{\"size\":1000");
    }

    @Test
    void marksWhatIsDeprecated() {
        assertThat(api.call(
                                "PUT",
                                "/machine-config",
                                "{\"vcpu_count\": 1, \"mem_size_mib\": 64, \"cpu_template\": \"None\"}")
                        .deprecation())
                .isEqualTo("PUT /machine-config: cpu_template field is deprecated.");
        assertThat(api.call("PUT", "/snapshot/load", "{\"snapshot_path\": \"/no\", \"mem_file_path\": \"/no\"}")
                        .deprecation())
                .as("also if it is refused")
                .startsWith("PUT /snapshot/load: mem_file_path");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
        {"vcpu_count": 0}   | The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number if SMT is enabled.
        {"vcpu_count": 33}  | The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number if SMT is enabled.
        {"vcpu_count": 3, "smt": true} | The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number if SMT is enabled.
        {"mem_size_mib": 0} | The memory size (MiB) is either 0, or not a multiple of the configured page size.
        {"mem_size_mib": 63, "huge_pages": "2M"} | The memory size (MiB) is either 0, or not a multiple of the configured page size.
        """)
    void refusesAMachineConfiguration(String body, String message) {
        assertThat(api.refused("PATCH", "/machine-config", body)).isEqualTo("Machine config error: " + message);
    }

    @Test
    void refusesFilesThatAreNotThere() {
        String missing = "No such file or directory (os error 2)";
        assertThat(api.refused("PUT", "/boot-source", "{\"kernel_image_path\": \"/no\"}"))
                .isEqualTo("Boot source error: The kernel file cannot be opened: " + missing);
        assertThat(api.refused("PUT", "/drives/a", drive("a", Path.of("/no"), true)))
                .isEqualTo("Drive config error: Unable to create the virtio block device: Virtio backend error:"
                        + " Error manipulating the backing file: " + missing + " /no");
        assertThat(api.refused("PUT", "/drives/a", "{\"drive_id\": \"a\", \"is_root_device\": false}"))
                .isEqualTo("Drive config error: Unable to create the virtio block device: Invalid block config.");
    }

    @Test
    void refusesAnInitrdThatIsNotThere() throws IOException {
        String body = "{\"kernel_image_path\": \"%s\", \"initrd_path\": \"/no\"}".formatted(file("kernel"));

        assertThat(api.refused("PUT", "/boot-source", body))
                .isEqualTo("Boot source error: The initrd file cannot be opened due to invalid path or invalid"
                        + " permissions. No such file or directory (os error 2)");
    }

    @Test
    void hasOneRootDevice_whichIsFirst() throws IOException {
        api.put("/drives/a", drive("a", file("a"), false));
        api.put("/drives/b", drive("b", file("b"), true));
        assertThat(api.refused("PUT", "/drives/a", drive("a", file("a"), true)))
                .isEqualTo("Drive config error: A root block device already exists!");

        api.put("/drives/b", drive("b", file("c"), true)); // in place of the first one

        String config = api.get("/vm/config");
        assertThat(config.indexOf("\"drive_id\":\"b\"")).isLessThan(config.indexOf("\"drive_id\":\"a\""));
        assertThat(config)
                .contains(folder.resolve("c").toString())
                .doesNotContain(folder.resolve("b").toString());
    }

    @Test
    void hasABalloonNoLargerThanTheMemory() {
        assertThat(api.refused("GET", "/balloon", "")).isEqualTo("Balloon config error: No balloon device found.");
        assertThat(api.refused("PUT", "/balloon", "{\"amount_mib\": 129, \"deflate_on_oom\": true}"))
                .isEqualTo("Balloon config error: Amount of pages requested is too large.");

        api.put("/balloon", "{\"amount_mib\": 100, \"deflate_on_oom\": true}");

        assertThat(api.get("/balloon"))
                .isEqualTo("{\"amount_mib\":100,\"deflate_on_oom\":true,\"stats_polling_interval_s\":0,"
                        + "\"free_page_hinting\":false,\"free_page_reporting\":false}");
        assertThat(api.refused("PATCH", "/machine-config", "{\"mem_size_mib\": 99}"))
                .isEqualTo("Machine config error: The memory size (MiB) is smaller than the previously set balloon"
                        + " device target size.");
    }

    @Test
    void refusesNetworksThatCannotBe() {
        String mac =
                "{\"iface_id\": \"%s\", \"host_dev_name\": \"microvm:user\", \"guest_mac\": \"06:00:00:00:00:01\"}";
        api.put("/network-interfaces/a", mac.formatted("a"));

        assertThat(api.refused("PUT", "/network-interfaces/b", mac.formatted("b")))
                .isEqualTo("Network config error: The MAC address is already in use: 06:00:00:00:00:01");
        assertThat(api.refused("PUT", "/network-interfaces/c", "{\"iface_id\": \"c\", \"host_dev_name\": \"a/b\"}"))
                .isEqualTo("Network config error: Could not create the network device: Open tap device failed:"
                        + " Invalid interface name");
    }

    @Test
    void refusesASocketThatIsTaken() throws IOException {
        assertThat(api.refused("PUT", "/vsock", "{\"guest_cid\": 3, \"uds_path\": \"%s\"}".formatted(file("v"))))
                .isEqualTo("Vsock config error: Cannot create backend for vsock device: Error binding to the host-side"
                        + " Unix socket: Address already in use (os error 98)");
        assertThat(api.refused(
                        "PUT", "/vsock", "{\"guest_cid\": 2, \"uds_path\": \"%s\"}".formatted(folder.resolve("w"))))
                .startsWith("Vsock config error: Cannot create vsock device: ");
    }

    @Test
    void needsAKernel() {
        assertThat(api.refused("PUT", "/actions", "{\"action_type\": \"InstanceStart\"}"))
                .isEqualTo("Start microvm error: Cannot start microvm without kernel configuration.");
        assertThat(api.get("/")).contains("Not started");
    }

    @Test
    void writesALog_andMetricsOnce() throws IOException {
        Path metrics = folder.resolve("metrics");
        Path log = folder.resolve("log");
        api.put("/metrics", "{\"metrics_path\": \"%s\"}".formatted(metrics));
        assertThat(api.refused("PUT", "/metrics", "{\"metrics_path\": \"%s\"}".formatted(metrics)))
                .isEqualTo("Metrics error: Cannot initialize the metrics system due to bad user input:"
                        + " Reinitialization of metrics not allowed.");
        api.put("/logger", "{\"log_path\": \"%s\", \"level\": \"Warning\"}".formatted(log));
        assertThat(api.refused("PUT", "/logger", "{\"log_path\": \"/no/such\"}"))
                .startsWith("Logger error: Failed to open target file: ");

        api.close();

        assertThat(Files.readString(metrics)).contains("\"put_api_requests\":{\"logger_count\":2,\"logger_fails\":1,");
        assertThat(Files.exists(log)).isTrue();
    }

    @Test
    void keepsMetadata() {
        assertThat(api.get("/mmds")).isEqualTo("{}");
        assertThat(api.refused("PATCH", "/mmds", "{}"))
                .isEqualTo("MMDS error: The MMDS data store is not initialized.");

        api.put("/mmds", "{\"b\": 1, \"a\": {\"c\": \"d\"}}");
        assertThat(api.call("PATCH", "/mmds", "{\"b\": null}").status()).isEqualTo(204);

        assertThat(api.get("/mmds")).isEqualTo("{\"a\":{\"c\":\"d\"}}");
        assertThat(api.call("PUT", "/mmds", "\"" + "x".repeat(Settings.DEFAULT_LIMIT) + "\"")
                        .status())
                .isEqualTo(413);
    }

    @Test
    void configuresTheMetadataService() {
        String config = "{\"network_interfaces\": [%s], \"version\": \"%s\"}";
        assertThat(api.refused("PUT", "/mmds/config", config.formatted("", "V2")))
                .isEqualTo(
                        "MMMDS config error: The list of network interface IDs that allow forwarding MMDS requests is"
                                + " empty.");
        assertThat(api.refused("PUT", "/mmds/config", config.formatted("\"a\"", "V2")))
                .isEqualTo(
                        "MMMDS config error: The list of network interface IDs provided contains at least one ID that"
                                + " does not correspond to any existing network interface.");
        api.put("/network-interfaces/a", "{\"iface_id\": \"a\", \"host_dev_name\": \"microvm:user\"}");
        assertThat(api.refused(
                        "PUT", "/mmds/config", "{\"network_interfaces\": [\"a\"], \"ipv4_address\": \"1.1.1.1\"}"))
                .isEqualTo("MMMDS config error: The MMDS IPv4 address is not link local.");

        api.put("/mmds/config", config.formatted("\"a\"", "V2"));

        assertThat(api.get("/vm/config"))
                .contains("\"mmds-config\":{\"version\":\"V2\",\"network_interfaces\":[\"a\"],"
                        + "\"ipv4_address\":\"169.254.169.254\",\"imds_compat\":false}");
        assertThat(api.call("PUT", "/mmds/config", config.formatted("\"a\"", "V1"))
                        .deprecation())
                .isEqualTo("PUT /mmds/config: V1 is deprecated. Use V2 instead.");
    }

    @Test
    void refusesMoreMemoryThanAProcessHasAddressesFor() throws IOException {
        Path kernel = Files.createTempFile("kernel", "");
        api.put("/boot-source", "{\"kernel_image_path\": \"" + kernel + "\"}");
        api.put("/machine-config", "{\"vcpu_count\": 1, \"mem_size_mib\": 18446744073709551615}");

        assertThat(api.refused("PUT", "/actions", "{\"action_type\": \"InstanceStart\"}"))
                .isEqualTo("Start microvm error: Invalid Memory Configuration: Cannot create mmap region: Out of memory"
                        + " (os error 12)");
        Files.delete(kernel);
    }

    @Test
    void setsWhatIsLeftOutToItsDefault_exceptByPatch() {
        api.put("/machine-config", "{\"vcpu_count\": 2, \"mem_size_mib\": 64, \"smt\": true}");
        api.call("PATCH", "/machine-config", "{\"mem_size_mib\": 128}");
        String patched = api.get("/machine-config");
        api.put("/machine-config", "{\"vcpu_count\": 2, \"mem_size_mib\": 64}");

        assertThat(patched).contains("\"smt\":true", "\"mem_size_mib\":128");
        assertThat(api.get("/machine-config")).contains("\"smt\":false");
    }
}
