package dev.microvm.cli.firecracker;

import dev.microvm.ConsoleTarget;
import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.api.Bodies;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cli.firecracker.json.JsonFault;
import dev.microvm.cli.firecracker.json.JsonReader;
import dev.microvm.cli.firecracker.vm.ApiLog;
import dev.microvm.cli.firecracker.vm.Instance;
import dev.microvm.cli.firecracker.vm.Settings;
import dev.microvm.model.ExitReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code microvm firecracker}: Firecracker's configuration file and API over a Unix socket. */
@Command(
        name = "firecracker",
        description = "Serves Firecracker's API and reads its configuration file.",
        version = {"Firecracker v" + Instance.FIRECRACKER_VERSION, ""},
        mixinStandardHelpOptions = true,
        sortOptions = false,
        exitCodeOnInvalidInput = FirecrackerCommand.ARGUMENT_ERROR)
public final class FirecrackerCommand implements Callable<Integer> {
    // Exit codes: Firecracker's FcExitCode
    static final int OK = 0;
    static final int GENERIC_ERROR = 1;
    static final int BAD_CONFIGURATION = 152;
    static final int ARGUMENT_ERROR = 153;

    private static final Pattern ID = Pattern.compile("[\\p{Alnum}-]{1,64}");
    private static final Pattern LEVEL = Pattern.compile("(?i)off|trace|debug|info|warn|warning|error");

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(names = "--api-sock", paramLabel = "path", description = "Unix socket of the API.")
    private Path apiSock = Path.of("/run/firecracker.socket");

    @Option(names = "--config-file", paramLabel = "path", description = "Configuration in JSON; starts the machine.")
    private @Nullable Path configFile;

    @Option(names = "--no-api", description = "Do not serve the API; needs --config-file.")
    private boolean noApi;

    @Option(names = "--id", paramLabel = "id", description = "Name of the machine: letters, digits and hyphens.")
    private String id = "anonymous-instance";

    @Option(names = "--metadata", paramLabel = "path", description = "Content of MMDS in JSON.")
    private @Nullable Path metadata;

    @Option(names = "--log-path", paramLabel = "path", description = "File or FIFO for the log of the API.")
    private @Nullable String logPath;

    @Option(names = "--level", paramLabel = "level", description = "Level of the log.")
    private @Nullable String level;

    @Option(names = "--show-level", description = "Show the level in the log.")
    private boolean showLevel;

    @Option(names = "--show-log-origin", description = "Show the origin of the lines of the log.")
    private boolean showOrigin;

    @Option(names = "--metrics-path", paramLabel = "path", description = "File or FIFO for the metrics.")
    private @Nullable String metricsPath;

    @Option(names = "--boot-timer", description = "Log the time until the guest has booted.")
    private boolean bootTimer;

    @Option(names = "--http-api-max-payload-size", paramLabel = "bytes", description = "Largest body of a call.")
    private int payloadLimit = Settings.DEFAULT_LIMIT;

    @Option(names = "--mmds-size-limit", paramLabel = "bytes", description = "Largest content of MMDS.")
    private @Nullable Integer mmdsLimit;

    @Option(
            names = {"--seccomp-filter"},
            paramLabel = "path",
            description = "Accepted, without effect: there is no filter inside a JVM.")
    private @Nullable Path seccompFilter;

    @Option(names = "--no-seccomp", description = "Accepted, without effect.")
    private boolean noSeccomp;

    @Option(names = "--enable-pci", description = "Refused: there is no PCI.")
    private boolean pci;

    @Option(
            names = {"--module", "--start-time-us", "--start-time-cpu-us", "--parent-cpu-time-us"},
            paramLabel = "value",
            description = "Accepted, without effect.")
    void ignore(String value) {
        // picocli wants a place for each option
    }

    @Override
    public Integer call() {
        if (noApi && configFile == null) {
            return fail(
                    ARGUMENT_ERROR,
                    "Arguments parsing error: Argument 'no-api' required but not found."
                            + " Argument 'config-file' is required by 'no-api'.");
        }
        if (seccompFilter != null && noSeccomp) {
            return fail(
                    ARGUMENT_ERROR,
                    "Arguments parsing error: Argument 'seccomp-filter' cannot be used together with argument"
                            + " 'no-seccomp'.");
        }
        if (!ID.matcher(id).matches()) return fail(GENERIC_ERROR, "Invalid instance ID: " + id);
        if (level != null && !LEVEL.matcher(level).matches()) {
            return fail(
                    BAD_CONFIGURATION,
                    "Invalid value for logger level: %s.Possible values: [Error, Warning, Info, Debug]"
                            .formatted(level));
        }
        if (pci) return fail(GENERIC_ERROR, "--enable-pci: this machine has no PCI; leave the option out");
        return run();
    }

    private int run() {
        ApiLog log = new ApiLog(id, System.out);
        int limit = mmdsLimit == null ? payloadLimit : mmdsLimit;
        Settings settings = new Settings(id, ConsoleTarget.stdio(), log, bootTimer, limit);
        try (Instance instance = new Instance(settings)) {
            return run(instance, log);
        } catch (ApiFault e) {
            return fail(log, e.getMessage());
        } catch (IOException e) {
            return fail(log, e.toString());
        }
    }

    private int run(Instance instance, ApiLog log) throws IOException {
        instance.configureLog(logOptions());
        log.info("Running Firecracker v" + Instance.FIRECRACKER_VERSION);
        if (metricsPath != null) {
            instance.configureMetrics(Fields.none(Bodies.METRICS).with("metrics_path", metricsPath));
        }
        if (metadata != null) instance.metadata(Files.readAllBytes(metadata));
        if (noApi) return runMachine(instance);
        ApiServer server = listen(instance, log);
        try {
            return runMachine(instance);
        } finally {
            server.close();
        }
    }

    private ApiServer listen(Instance instance, ApiLog log) {
        try {
            return ApiServer.listen(apiSock, instance, log, payloadLimit);
        } catch (IOException e) {
            throw new ApiFault("RunWithApiError error: Failed to open the API socket at: %s. Check that it is not"
                            .formatted(apiSock)
                    + " already used.");
        }
    }

    private Fields logOptions() {
        Fields options =
                Fields.none(Bodies.LOGGER).with("show_level", showLevel).with("show_log_origin", showOrigin);
        if (logPath != null) options = options.with("log_path", logPath);
        return level == null ? options : options.with("level", level);
    }

    private int runMachine(Instance instance) throws IOException {
        if (configFile != null) configure(instance, configFile);
        ExitReport report = instance.ended().join();
        return switch (report.reason()) {
            case FAILED, GUEST_ERROR -> GENERIC_ERROR;
            default -> OK;
        };
    }

    private static void configure(Instance instance, Path file) throws IOException {
        try {
            instance.configure(JsonReader.read(Files.readAllBytes(file), Bodies.VM_CONFIG));
        } catch (JsonFault e) {
            throw new ApiFault("Configuration for VMM from one single json failed: Invalid JSON: " + e.getMessage());
        } catch (ApiFault e) {
            throw new ApiFault("Configuration for VMM from one single json failed: " + e.getMessage());
        }
        instance.start();
    }

    private int fail(ApiLog log, @Nullable String why) {
        log.error(String.valueOf(why));
        return fail(GENERIC_ERROR, why);
    }

    private int fail(int code, @Nullable String why) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("Error: " + why);
        err.flush();
        return code;
    }
}
