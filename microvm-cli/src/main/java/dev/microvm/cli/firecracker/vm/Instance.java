package dev.microvm.cli.firecracker.vm;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmConfigException;
import dev.microvm.Snapshot;
import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.api.Bodies;
import dev.microvm.cli.firecracker.api.Call;
import dev.microvm.cli.firecracker.api.Call.When;
import dev.microvm.cli.firecracker.api.Reply;
import dev.microvm.cli.firecracker.api.Request;
import dev.microvm.cli.firecracker.api.Router;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cli.firecracker.json.JsonFault;
import dev.microvm.cli.firecracker.json.JsonReader;
import dev.microvm.cli.firecracker.mmds.Mmds;
import dev.microvm.cli.firecracker.mmds.MmdsServer;
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
    private final Mmds mmds;
    private final CompletableFuture<ExitReport> ended = new CompletableFuture<>();

    // Guarded by this.
    private Resources resources = new Resources();
    private boolean configured; // so that no snapshot can be loaded
    private @Nullable Running running;
    private @Nullable Snapshot newest; // on which one of type Diff stands
    private @Nullable MmdsServer mmdsServer;

    /** Makes one that is not configured yet. */
    public Instance(Settings settings) {
        this.settings = settings;
        this.metrics = new Metrics(settings.id(), settings.log());
        this.mmds = new Mmds(settings.mmdsLimit());
    }

    /** Completes when the guest has ended. */
    public CompletableFuture<ExitReport> ended() {
        return ended.copy();
    }

    /**
     * Serves a call.
     *
     * @param method of HTTP
     * @param body empty for none
     */
    public Reply answer(String method, String path, byte[] body) {
        String deprecation = "";
        try {
            Request request = Router.route(method, path, body);
            deprecation = request.deprecation();
            return counted(method, request).deprecated(deprecation);
        } catch (ApiFault e) {
            return Reply.of(e).deprecated(deprecation);
        }
    }

    private synchronized Reply counted(String method, Request request) {
        try {
            Reply reply = serve(method, request);
            metrics.count(request.call(), method, false);
            return reply;
        } catch (ApiFault e) {
            metrics.count(request.call(), method, true);
            throw e;
        }
    }

    private Reply serve(String method, Request request) {
        When when = request.call().when();
        if (when == When.NEVER) throw notThere(method, request.call());
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
            case PUT_MACHINE_CONFIG, PATCH_MACHINE_CONFIG -> set(Section.MACHINE, body);
            case PUT_METRICS -> set(Section.METRICS, body);
            case PUT_MMDS_CONFIG -> set(Section.MMDS, body);
            case PUT_NETWORK -> set(Section.NETWORK, body);
            case PUT_SERIAL -> set(Section.SERIAL, body);
            case PUT_VSOCK -> set(Section.VSOCK, body);
            case GET_BALLOON_STATISTICS,
                    GET_HINTING_STATUS,
                    PATCH_HINTING_START,
                    PATCH_HINTING_STOP,
                    PATCH_BALLOON,
                    PATCH_BALLOON_STATISTICS,
                    PATCH_DRIVE,
                    PATCH_NETWORK,
                    PATCH_VM -> change(request);
            case GET_MMDS -> Reply.of(mmds().content());
            case PUT_MMDS -> done(() -> mmds().put(request.tree()));
            case PATCH_MMDS -> done(() -> mmds().patch(request.tree()));
            case PUT_SNAPSHOT_CREATE ->
                done(() -> newest = Snapshots.create(running().vm(), resources, body, newest));
            case PUT_SNAPSHOT_LOAD -> load(body);
            case HOTPLUG_MEMORY, PMEM, UNPLUG -> throw notThere(method, request.call());
        };
    }

    /** Returns the refusal of a call that is not there; at the wrong time, the one of Firecracker. */
    private ApiFault notThere(String method, Call call) {
        if (running == null && !method.equals("PUT")) return beforeStart();
        return ApiFault.notSupported(
                switch (call) {
                    case HOTPLUG_MEMORY -> "memory hotplug: use the balloon";
                    case PMEM -> "virtio-pmem: use a drive";
                    default -> "hotplug: devices are fixed at the start";
                });
    }

    private static ApiFault beforeStart() {
        return new ApiFault("The requested operation is not supported before starting the microVM.");
    }

    private static ApiFault afterStart(Call call) {
        return call == Call.PUT_DRIVE || call == Call.PUT_NETWORK
                ? ApiFault.notSupported("hotplug: devices are fixed at the start")
                : new ApiFault("The requested operation is not supported after starting the microVM.");
    }

    private static Reply done(Runnable action) {
        action.run();
        return Reply.DONE;
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
        configured |= !section.staysWithSnapshots();
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
                case MMDS -> {
                    resources.mmds(body);
                    mmds.configure(body.text("version").equals("V2"), body.flag("imds_compat"));
                }
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

    /** Returns the metadata service, which a running machine has if it was configured. */
    private Mmds mmds() {
        if (running != null && resources.mmds().isEmpty()) {
            throw new ApiFault("MMDS error: The MMDS data store is not initialized.");
        }
        return mmds;
    }

    /** Sets the content of the metadata service by a file. @throws ApiFault if it is refused */
    public synchronized void metadata(byte[] json) {
        try {
            mmds.put(JsonReader.readTree(json));
        } catch (JsonFault e) {
            throw new ApiFault("MMDS error: metadata provided not valid json: " + e.getMessage());
        }
    }

    // ---- start and later

    private Reply act(String action) {
        switch (action) {
            case "InstanceStart" -> start();
            case "FlushMetrics" -> {
                running();
                flush();
            }
            default -> running().askForEnd();
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
            begin(assembly().builder().build(), false);
        } catch (Refusal | MicroVmConfigException e) {
            throw new ApiFault("Start microvm error: " + e.getMessage());
        } catch (MicroVmException e) {
            throw new ApiFault("Start microvm error: Internal error while starting microVM: " + e.getMessage());
        }
    }

    /** Prepares a machine, with its metadata service if that is configured. */
    private Assembly assembly() {
        if (resources.mmds().isEmpty()) return new Assembly(resources, settings, null);
        try {
            if (mmdsServer == null) mmdsServer = MmdsServer.listen(mmds, settings.id(), this::countMmds);
            return new Assembly(resources, settings, mmdsServer.socket());
        } catch (IOException e) {
            throw new Refusal("the metadata service cannot be started: " + e);
        }
    }

    private void countMmds(String name) {
        metrics.add("mmds", name, 1);
    }

    /** Continues from a snapshot. */
    private Reply load(Fields body) {
        if (configured) {
            throw new ApiFault("Load snapshot error: Loading a microVM snapshot not allowed after configuring"
                    + " boot-specific resources.");
        }
        Snapshots snapshot = Snapshots.open(body);
        Resources before = resources;
        resources = snapshot.resources();
        resources
                .mmds()
                .ifPresent(config -> mmds.configure(config.text("version").equals("V2"), config.flag("imds_compat")));
        try {
            begin(snapshot.machine(assembly(), settings), !body.flag("resume_vm"));
        } catch (MicroVmException | Refusal e) {
            resources = before;
            throw new ApiFault("Load snapshot error: Failed to restore from snapshot: " + e.getMessage());
        }
        newest = snapshot.opened();
        return Reply.DONE;
    }

    private void begin(MicroVm vm, boolean paused) {
        if (paused) vm.startPaused();
        else vm.start();
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
            case GET_HINTING_STATUS -> {
                return Reply.of(now.hints());
            }
            case PATCH_HINTING_START -> now.startHinting(body.flag("acknowledge_on_stop"));
            case PATCH_HINTING_STOP -> now.stopHinting();
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
        if (mmdsServer != null) mmdsServer.close();
        metrics.close();
    }
}
