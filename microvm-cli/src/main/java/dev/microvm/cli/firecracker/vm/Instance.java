package dev.microvm.cli.firecracker.vm;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.MicroVmConfigException;
import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.api.Bodies;
import dev.microvm.cli.firecracker.api.Call;
import dev.microvm.cli.firecracker.api.Call.When;
import dev.microvm.cli.firecracker.api.Reply;
import dev.microvm.cli.firecracker.api.Request;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cli.firecracker.json.JsonReader;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** One microVM as Firecracker's API shows it: first configured, then started, once. Any thread may call. */
public final class Instance implements AutoCloseable {
    /** The version of Firecracker whose API this is: {@code src/firecracker/Cargo.toml}. */
    public static final String FIRECRACKER_VERSION = "1.17.0";

    private final Settings settings;
    private final Metrics metrics;
    private final CompletableFuture<ExitReport> ended = new CompletableFuture<>();

    // Guarded by this.
    private final Resources resources = new Resources();
    private @Nullable Running running;

    /** Makes one that is not configured yet. */
    public Instance(Settings settings) {
        this.settings = settings;
        this.metrics = new Metrics(settings.id());
    }

    /** Completes when the guest has ended. */
    public CompletableFuture<ExitReport> ended() {
        return ended.copy();
    }

    /**
     * Serves a call.
     *
     * @param method of HTTP, for the metrics
     * @throws ApiFault if it is refused
     */
    public synchronized Reply handle(String method, Request request) {
        try {
            Reply reply = serve(request);
            metrics.count(request.call(), method, false);
            return reply;
        } catch (ApiFault e) {
            metrics.count(request.call(), method, true);
            throw e;
        }
    }

    private Reply serve(Request request) {
        When when = request.call().when();
        if (when == When.BEFORE_START && running != null) throw afterStart(request.call());
        if (when == When.AFTER_START && running == null) throw beforeStart();
        Fields body = request.body();
        return switch (request.call()) {
            case GET_INSTANCE -> Reply.of(info());
            case GET_VERSION -> Reply.of(Map.of("firecracker_version", FIRECRACKER_VERSION));
            case GET_MACHINE_CONFIG -> Reply.of(resources.machine());
            case GET_VM_CONFIG -> Reply.of(resources.all());
            case GET_BALLOON ->
                Reply.of(resources
                        .balloon()
                        .orElseThrow(() -> new ApiFault("Balloon config error: No balloon device found.")));
            case PUT_ACTIONS -> act(body.text("action_type"));
            case PUT_BALLOON -> set(Section.BALLOON, body);
            case PUT_BOOT_SOURCE -> set(Section.BOOT_SOURCE, body);
            case PUT_CPU_CONFIG -> set(Section.CPU, body);
            case PUT_DRIVE -> set(Section.DRIVE, body);
            case PUT_ENTROPY -> set(Section.ENTROPY, body);
            case PUT_LOGGER -> set(Section.LOGGER, body);
            case PUT_MACHINE_CONFIG, PATCH_MACHINE_CONFIG ->
                deprecatedBy(body, "cpu_template", "/machine-config", set(Section.MACHINE, body));
            case PUT_METRICS -> set(Section.METRICS, body);
            case PUT_MMDS_CONFIG -> set(Section.MMDS, body);
            case PUT_NETWORK -> set(Section.NETWORK, body);
            case PUT_SERIAL -> set(Section.SERIAL, body);
            case PUT_VSOCK -> deprecatedBy(body, "vsock_id", "/vsock", set(Section.VSOCK, body));
            case GET_BALLOON_STATISTICS,
                    PATCH_BALLOON,
                    PATCH_BALLOON_STATISTICS,
                    PATCH_DRIVE,
                    PATCH_NETWORK,
                    PATCH_VM -> change(request);
            case GET_MMDS, PUT_MMDS, PATCH_MMDS -> throw ApiFault.notSupported("MMDS");
            case PUT_SNAPSHOT_CREATE, PUT_SNAPSHOT_LOAD -> throw ApiFault.notSupported("snapshots");
            case BALLOON_HINTING -> throw ApiFault.notSupported("free page hinting: use free_page_reporting");
            case HOTPLUG_MEMORY -> throw ApiFault.notSupported("memory hotplug: use the balloon");
            case PMEM -> throw ApiFault.notSupported("virtio-pmem: use a drive");
            case UNPLUG -> throw ApiFault.notSupported("hotplug: devices are fixed at the start");
        };
    }

    private static ApiFault beforeStart() {
        return new ApiFault("The requested operation is not supported before starting the microVM.");
    }

    private static ApiFault afterStart(Call call) {
        return call == Call.PUT_DRIVE || call == Call.PUT_NETWORK
                ? ApiFault.notSupported("hotplug: devices are fixed at the start")
                : new ApiFault("The requested operation is not supported after starting the microVM.");
    }

    private static Reply deprecatedBy(Fields body, String key, String path, Reply reply) {
        return body.has(key) ? reply.deprecated("PUT %s: %s field is deprecated.".formatted(path, key)) : reply;
    }

    private Map<String, Object> info() {
        Map<String, Object> info = new LinkedHashMap<>();
        info.put("id", settings.id());
        info.put("state", running == null ? "Not started" : running.state());
        info.put("vmm_version", FIRECRACKER_VERSION);
        info.put("app_name", "Firecracker");
        return info;
    }

    // ---- before the start

    private Reply set(Section section, Fields body) {
        set(section, body, false);
        return Reply.DONE;
    }

    private void set(Section section, Fields body, boolean inFile) {
        try {
            switch (section) {
                case BALLOON -> resources.balloon(body);
                case BOOT_SOURCE -> resources.bootSource(body);
                case CPU -> resources.cpu(body);
                case DRIVE -> resources.drive(body);
                case ENTROPY -> resources.entropy(body);
                case LOGGER -> settings.log().configure(body);
                case MACHINE -> resources.machine(body);
                case METRICS -> metrics.configure(body);
                case MMDS -> resources.mmds(body);
                case NETWORK -> resources.network(body);
                case SERIAL -> resources.serial(body);
                case VSOCK -> resources.vsock(body);
            }
        } catch (Refusal e) {
            throw new ApiFault(section.error(inFile, e));
        }
    }

    /**
     * Configures everything by a file, in Firecracker's order.
     *
     * @throws ApiFault if a part is refused
     */
    public synchronized void configure(Fields file) {
        file.fields("logger").ifPresent(body -> set(Section.LOGGER, body, true));
        file.fields("metrics").ifPresent(body -> set(Section.METRICS, body, true));
        file.fields("machine-config").ifPresent(body -> set(Section.MACHINE, body, true));
        file.value("cpu-config").ifPresent(config -> set(Section.CPU, template(config), true));
        set(Section.BOOT_SOURCE, file.fields("boot-source").orElseThrow(), true);
        file.list("drives").forEach(body -> set(Section.DRIVE, body, true));
        file.list("network-interfaces").forEach(body -> set(Section.NETWORK, body, true));
        file.fields("vsock").ifPresent(body -> set(Section.VSOCK, body, true));
        file.fields("balloon").ifPresent(body -> set(Section.BALLOON, body, true));
        file.fields("mmds-config").ifPresent(body -> set(Section.MMDS, body, true));
        file.fields("entropy").ifPresent(body -> set(Section.ENTROPY, body, true));
        if (!file.list("pmem").isEmpty()) throw ApiFault.notSupported("virtio-pmem: use a drive");
        if (file.has("memory-hotplug")) throw ApiFault.notSupported("memory hotplug: use the balloon");
    }

    private static Fields template(Object config) {
        if (config instanceof Fields given) return given;
        try {
            return JsonReader.read(Files.readAllBytes(Path.of(config.toString())), Bodies.CPU);
        } catch (IOException e) {
            throw new ApiFault("File operation error: " + e);
        }
    }

    /** Sets the log or the metrics as an option of the command line does. @throws ApiFault if refused */
    public synchronized void configureLog(Fields body) {
        set(Section.LOGGER, body, true);
    }

    /** See {@link #configureLog}. */
    public synchronized void configureMetrics(Fields body) {
        set(Section.METRICS, body, true);
    }

    // ---- start and later

    private Reply act(String action) {
        switch (action) {
            case "InstanceStart" -> start();
            case "FlushMetrics" -> {
                running();
                flush();
            }
            default -> {
                running();
                throw ApiFault.notSupported("SendCtrlAltDel: the keyboard controller has no keyboard");
            }
        }
        return Reply.DONE;
    }

    private void flush() {
        try {
            metrics.flush();
        } catch (IOException e) {
            throw new ApiFault("Internal VMM error: Metrics error: Failed to write metrics: " + e.getMessage());
        }
    }

    private Running running() {
        if (running == null) throw beforeStart();
        return running;
    }

    /** Starts the machine. @throws ApiFault if that fails */
    public synchronized void start() {
        if (running != null) throw afterStart(Call.PUT_ACTIONS);
        try {
            MicroVmBuilder builder = new Assembly(resources, settings).builder();
            begin(builder.build());
        } catch (Refusal | MicroVmConfigException e) {
            throw new ApiFault("Start microvm error: " + e.getMessage());
        } catch (MicroVmException e) {
            throw new ApiFault("Start microvm error: Internal error while starting microVM: " + e.getMessage());
        }
    }

    private void begin(MicroVm vm) {
        vm.start();
        running = new Running(vm, resources);
        vm.onExit().thenAccept(report -> {
            settings.log().info("The guest ended: " + report);
            ended.complete(report);
        });
        settings.log().info("Started on " + hypervisor(vm));
    }

    /** Returns which hypervisor runs the machine, and why. */
    private static String hypervisor(MicroVm vm) {
        return vm.describe()
                .lines()
                .filter(line -> line.contains("hypervisor"))
                .findFirst()
                .orElse("an unknown hypervisor")
                .strip();
    }

    private Reply change(Request request) {
        Running now = running();
        Fields body = request.body();
        switch (request.call()) {
            case GET_BALLOON_STATISTICS -> {
                return Reply.of(now.balloonStatistics());
            }
            case PATCH_BALLOON -> now.balloon(body.number("amount_mib"));
            case PATCH_BALLOON_STATISTICS -> now.balloonInterval(body.number("stats_polling_interval_s"));
            case PATCH_DRIVE -> now.drive(body);
            case PATCH_NETWORK -> now.network(body);
            default -> timed(body.text("state"));
        }
        return Reply.DONE;
    }

    private void timed(String state) {
        long begin = System.nanoTime();
        running().change(state);
        String metric = state.equals("Paused") ? "pause_vm" : "resume_vm";
        metrics.set("latencies_us", metric, (System.nanoTime() - begin) / 1000);
    }

    /** Ends the machine, if it runs, and writes the last metrics. */
    @Override
    public synchronized void close() {
        if (running != null) running.vm().close();
        try {
            metrics.flush();
        } catch (IOException e) {
            settings.log().error("Failed to write metrics: " + e.getMessage());
        }
    }
}
