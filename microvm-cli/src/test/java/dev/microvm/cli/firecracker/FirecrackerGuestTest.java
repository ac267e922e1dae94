package dev.microvm.cli.firecracker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.cli.firecracker.vm.ApiLog;
import dev.microvm.cli.firecracker.vm.Instance;
import dev.microvm.cli.firecracker.vm.Settings;
import dev.microvm.model.ExitReport;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Debian's kernel, started and driven by the API. */
@Lanes.Kernels
@Lanes.TakesLong // its devices work alike on any hypervisor
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class FirecrackerGuestTest {
    private static final int KIB = 1024;
    private static final String CR_LF = "\\\\r\\\\n"; // for printf, after read has removed a backslash of each pair
    private static final String BOOT_ARGS = "console=ttyS0 quiet cryptomgr.notests reboot=k panic=1 pci=off";

    @SuppressWarnings("NullAway.Init") // set by prepareGuests, as the others
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Path initrd;

    @BeforeAll
    void prepareGuests(@TempDir Path shared) throws IOException {
        folder = shared;
        kernel = LinuxGuest.kernel(folder);
        initrd = Files.write(
                folder.resolve("initrd"),
                LinuxGuest.build(
                                LinuxGuest.files(
                                        "virtio_mmio", "virtio_blk", "virtio_net", "virtio_balloon", "button", "evdev"),
                                LinuxGuest.DIALOGUE)
                        .toBytes());
    }

    private Path image(String name, int kib, char content) throws IOException {
        return Files.writeString(folder.resolve(name), String.valueOf(content).repeat(kib * KIB));
    }

    private static String quoted(Object value) {
        return "\"" + value + "\"";
    }

    /** An instance behind its socket. */
    private final class Api implements AutoCloseable {
        private final GuestConsole console = new GuestConsole();
        private final ByteArrayOutputStream output = new ByteArrayOutputStream();
        private final ApiLog log = new ApiLog("guest", new PrintStream(output, true, UTF_8));
        private final Instance instance;
        private final ApiServer server;
        private final Path socket;

        Api(String name) throws IOException {
            instance = new Instance(new Settings("guest", console.target(), log, false, Settings.DEFAULT_LIMIT));
            socket = folder.resolve(name);
            server = ApiServer.listen(socket, instance, log, Settings.DEFAULT_LIMIT);
        }

        void done(String method, String path, String body) throws IOException {
            assertThat(UnixHttp.call(socket, method, path, body)).as(path).startsWith("HTTP/1.1 204");
        }

        String get(String path) throws IOException {
            String answer = UnixHttp.call(socket, "GET", path, "");
            assertThat(answer).startsWith("HTTP/1.1 200");
            return answer.substring(answer.indexOf("\r\n\r\n") + 4);
        }

        String refused(String method, String path, String body) throws IOException {
            String answer = UnixHttp.call(socket, method, path, body);
            assertThat(answer).startsWith("HTTP/1.1 400");
            return answer.substring(answer.indexOf("\r\n\r\n") + 4);
        }

        @Override
        public void close() {
            server.close();
            instance.close();
        }
    }

    private void configure(Api api) throws IOException {
        api.done(
                "PUT",
                "/boot-source",
                "{\"kernel_image_path\": %s, \"initrd_path\": %s, \"boot_args\": %s}"
                        .formatted(quoted(kernel), quoted(initrd), quoted(BOOT_ARGS)));
        api.done("PUT", "/machine-config", "{\"vcpu_count\": 1, \"mem_size_mib\": 192}");
        api.done(
                "PUT",
                "/drives/data",
                "{\"drive_id\": \"data\", \"is_root_device\": false, \"path_on_host\": %s}"
                        .formatted(quoted(image("small", 8, 's'))));
        api.done("PUT", "/network-interfaces/net", "{\"iface_id\": \"net\", \"host_dev_name\": \"microvm:user\"}");
        api.done(
                "PUT",
                "/balloon",
                "{\"amount_mib\": 0, \"deflate_on_oom\": true, \"stats_polling_interval_s\": 60, \"free_page_hinting\": true}");
        api.done("PUT", "/mmds/config", "{\"network_interfaces\": [\"net\"], \"version\": \"V2\"}");
        api.done("PUT", "/mmds", "{\"latest\": {\"meta-data\": {\"ami-id\": \"ami-7\"}}}");
    }

    @Test
    void drivesAMachine_andContinuesItFromASnapshot() throws Exception {
        Path state = folder.resolve("state");
        Path memory = folder.resolve("memory");
        try (Api api = new Api("a.sock")) {
            configure(api);
            api.done("PUT", "/actions", "{\"action_type\": \"InstanceStart\"}");
            api.console.await("ready");
            assertThat(api.get("/")).contains("\"state\":\"Running\"");
            assertThat(api.output.toString(UTF_8)).contains("Started on hypervisor");

            readsMetadata(api.console);
            changesTheMedium(api);
            inflatesTheBalloon(api);
            hintsFreeMemory(api);
            assertThat(api.refused("PUT", "/machine-config", "{\"vcpu_count\": 1, \"mem_size_mib\": 192}"))
                    .contains("is not supported after starting the microVM.");

            String type = "\"snapshot_type\": \"Diff\"";
            String snapshot = "{\"snapshot_path\": %s, \"mem_file_path\": %s}".formatted(quoted(state), quoted(memory));
            String diff = "{\"snapshot_path\": %s, \"mem_file_path\": %s, %s}"
                    .formatted(quoted(folder.resolve("diff")), quoted(folder.resolve("diff-memory")), type);
            assertThat(api.refused("PUT", "/snapshot/create", snapshot)).contains("pause it before");
            api.console.ask("echo kept > /kept");
            api.done("PATCH", "/vm", "{\"state\": \"Paused\"}");
            assertThat(api.get("/")).contains("\"state\":\"Paused\"");
            api.done("PUT", "/snapshot/create", snapshot);
            api.done("PATCH", "/vm", "{\"state\": \"Resumed\"}");
            assertThat(api.console.ask("cat /kept; echo changed >> /kept")).contains("kept");
            api.done("PATCH", "/vm", "{\"state\": \"Paused\"}");
            api.done("PUT", "/snapshot/create", diff);
        }
        assertThat(blocks(folder.resolve("diff/memory"))).isLessThan(blocks(state.resolve("memory")) / 2);
        continues(folder.resolve("diff"), folder.resolve("diff-memory"));
    }

    /** Returns how much room a file takes, in 512 bytes: holes take none. */
    private static long blocks(Path file) throws Exception {
        Process stat = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
        return Long.parseLong(new String(stat.getInputStream().readAllBytes(), UTF_8).strip());
    }

    private static void readsMetadata(GuestConsole console) throws Exception {
        console.ask("ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0");
        console.ask("ip route add 169.254.169.254 dev eth0");
        console.ask("get() { wget -q -O - --header \"X-metadata-token: $1\" http://169.254.169.254$2; }");
        console.ask("get none /latest 2>&1 | grep '401 Unauthorized'");
        console.ask("printf 'PUT /latest/api/token HTTP/1.1%sX-metadata-token-ttl-seconds: 60%sConnection: close%s%s'"
                        .formatted(CR_LF, CR_LF, CR_LF, CR_LF)
                + " | nc 169.254.169.254 80 | tail -n 1 > /token");
        assertThat(console.ask("get $(cat /token) /latest/meta-data/ami-id")).contains("ami-7");
        console.ask("ping -c 1 10.0.2.2");
    }

    private void changesTheMedium(Api api) throws Exception {
        assertThat(api.console.ask("head -c 4 /dev/vda")).contains("ssss");
        assertThat(api.refused("PATCH", "/drives/data", "{\"drive_id\": \"data\", \"path_on_host\": \"/no\"}"))
                .contains(
                        "Unable to patch the block device: Block: Virtio backend error: Error manipulating the backing"
                                + " file: No such file or directory (os error 2) /no Please verify the request"
                                + " arguments.");

        Path large = image("large", 64, 'l');
        api.done("PATCH", "/drives/data", "{\"drive_id\": \"data\", \"path_on_host\": %s}".formatted(quoted(large)));

        api.console.ask("until [ $(cat /sys/block/vda/size) = 128 ]; do sleep 0.1; done");
        assertThat(api.console.ask("head -c 4 /dev/vda")).contains("llll");
        assertThat(api.get("/vm/config")).contains(large.toString());
        api.done(
                "PATCH",
                "/drives/data",
                "{\"drive_id\": \"data\", \"rate_limiter\": {\"ops\": {\"size\": 1000, \"refill_time\": 100}}}");
        api.done("PATCH", "/network-interfaces/net", "{\"iface_id\": \"net\", \"rx_rate_limiter\": {}}");
        assertThat(api.refused("PATCH", "/drives/none", "{\"drive_id\": \"none\"}"))
                .contains("Device not found");
    }

    private static void inflatesTheBalloon(Api api) throws Exception {
        assertThat(api.refused("PATCH", "/balloon", "{\"amount_mib\": 193}"))
                .contains("Balloon update error: Balloon: Requested memory should be less than 192MiB");
        assertThat(api.refused("PATCH", "/balloon/statistics", "{\"stats_polling_interval_s\": 0}"))
                .contains("Statistics cannot be enabled/disabled after activation.");

        api.done("PATCH", "/balloon", "{\"amount_mib\": 16}");
        api.done("PATCH", "/balloon/statistics", "{\"stats_polling_interval_s\": 1}");

        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        String statistics = "";
        while (!statistics.contains("\"actual_mib\":16,") || !statistics.contains("\"total_memory\":")) {
            assertThat(System.nanoTime()).as(statistics).isLessThan(end);
            Thread.sleep(50);
            statistics = api.get("/balloon/statistics");
        }
        assertThat(statistics).startsWith("{\"target_pages\":4096,");
    }

    /** A guest whose driver holds its free memory has less until it is released. */
    private static void hintsFreeMemory(Api api) throws Exception {
        api.done("PATCH", "/balloon/hinting/start", "{\"acknowledge_on_stop\": false}");
        String status = "";
        while (!status.equals("{\"host_cmd\":2,\"guest_cmd\":0}")) {
            Thread.sleep(20);
            status = api.get("/balloon/hinting/status");
        }
        api.done("PATCH", "/balloon/hinting/stop", "");
        assertThat(api.get("/balloon/hinting/status")).contains("\"guest_cmd\":0");
    }

    private void continues(Path state, Path memory) throws Exception {
        try (Api api = new Api("b.sock")) {
            String load = "{\"snapshot_path\": %s, \"mem_backend\": {\"backend_path\": %s, \"backend_type\": \"%s\"},"
                    + " \"resume_vm\": %s}";
            assertThat(api.refused(
                            "PUT", "/snapshot/load", load.formatted(quoted(state), quoted(memory), "Uffd", true)))
                    .contains("not supported: backend_type Uffd");
            assertThat(api.refused(
                            "PUT", "/snapshot/load", load.formatted(quoted("/no"), quoted(memory), "File", true)))
                    .contains("Load snapshot error: Failed to restore from snapshot: ");

            api.done("PUT", "/snapshot/load", load.formatted(quoted(state), quoted(memory), "File", false));

            assertThat(api.get("/")).contains("\"state\":\"Paused\"");
            api.done("PATCH", "/vm", "{\"state\": \"Resumed\"}");
            assertThat(api.console.ask("cat /kept; head -c 4 /dev/vda")).contains("kept", "changed", "llll");
            api.console.ask("exec 3< /dev/input/event0; (head -c 24 <&3 > /dev/null; reboot -f) &");
            api.done("PUT", "/actions", "{\"action_type\": \"SendCtrlAltDel\"}");
            ExitReport report = api.instance.ended().get(1, TimeUnit.MINUTES);
            assertThat(report.reason()).isEqualTo(ExitReport.Reason.RESET);
        }
    }

    // ---- the program, and curl

    private ProcessBuilder program(String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                ChildJvm.java(),
                "-Dmicrovm.hypervisor=" + Lanes.hypervisor(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                ChildJvm.classPath(),
                "dev.microvm.cli.Main",
                "firecracker"));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectError(folder.resolve("errors").toFile());
    }

    /** Waits for the guest, types its end, and returns what the program printed. */
    private static String end(Process process) throws IOException, InterruptedException {
        StringBuilder printed = new StringBuilder();
        try (BufferedReader from = process.inputReader(UTF_8);
                OutputStream typed = process.getOutputStream()) {
            for (String line = from.readLine(); line != null; line = from.readLine()) {
                printed.append(line).append('\n');
                if (!line.contains("ready")) continue;
                typed.write("echo on $(cat /proc/cmdline); reboot -f\n".getBytes(UTF_8));
                typed.flush();
            }
        }
        assertThat(process.waitFor()).as(printed.toString()).isZero();
        return printed.toString();
    }

    @Test
    void runsAConfigurationFile_withoutTheApi() throws Exception {
        Path config = Files.writeString(
                folder.resolve("vm_config.json"), """
                    {
                      "boot-source": {"kernel_image_path": "%s", "boot_args": "%s", "initrd_path": "%s"},
                      "drives": [{"drive_id": "rootfs", "path_on_host": "%s", "is_root_device": true, "partuuid": null,
                                  "is_read_only": true, "cache_type": "Unsafe", "io_engine": "Sync", "rate_limiter": null}],
                      "machine-config": {"vcpu_count": 1, "mem_size_mib": 128, "smt": false, "track_dirty_pages": false},
                      "cpu-config": null, "balloon": null, "network-interfaces": [], "vsock": null, "logger": null,
                      "metrics": null, "mmds-config": null, "entropy": null
                    }
                    """.formatted(kernel, BOOT_ARGS, initrd, image("root", 8, 'r')));

        String printed =
                end(program("--no-api", "--config-file", config.toString()).start());

        assertThat(printed).contains("Started on hypervisor", "on " + BOOT_ARGS + " root=/dev/vda ro");
    }

    @Test
    void isConfiguredByCurl() throws Exception {
        Lanes.need("curl", Files.exists(Path.of("/usr/bin/curl")) ? "" : "this test needs /usr/bin/curl");
        Path socket = folder.resolve("firecracker.socket");
        Path log = folder.resolve("firecracker.log");
        Process process =
                program("--api-sock", socket.toString(), "--id", "curled").start();
        try {
            awaitApi(socket, process);
            curl(socket, "logger", "{\"log_path\": \"%s\", \"level\": \"Debug\", \"show_level\": true}".formatted(log));
            curl(
                    socket,
                    "boot-source",
                    "{\"kernel_image_path\": \"%s\", \"boot_args\": \"%s\", \"initrd_path\": \"%s\"}"
                            .formatted(kernel, BOOT_ARGS, initrd));
            curl(socket, "actions", "{\"action_type\": \"InstanceStart\"}");
            assertThat(end(process)).contains("on " + BOOT_ARGS);
        } finally {
            process.destroyForcibly();
        }

        assertThat(Files.readString(log)).contains("The API server received a Put request on \"/actions\"");
        assertThat(Files.exists(socket)).isFalse();
    }

    private static void awaitApi(Path socket, Process process) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (!Files.exists(socket)) {
            assertThat(System.nanoTime() < end && process.isAlive())
                    .as("the API comes up")
                    .isTrue();
            Thread.sleep(20);
        }
    }

    private static void curl(Path socket, String path, String body) throws IOException, InterruptedException {
        Process curl = new ProcessBuilder(
                        "curl",
                        "-s",
                        "-X",
                        "PUT",
                        "--unix-socket",
                        socket.toString(),
                        "-o",
                        "-",
                        "-w",
                        "%{http_code}",
                        "--retry",
                        "5",
                        "--retry-connrefused",
                        "--data",
                        body,
                        "http://localhost/" + path)
                .start();
        assertThat(new String(curl.getInputStream().readAllBytes(), UTF_8)).isEqualTo("204");
        assertThat(curl.waitFor()).isZero();
    }
}
