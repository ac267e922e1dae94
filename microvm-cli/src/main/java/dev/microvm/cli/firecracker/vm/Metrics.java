package dev.microvm.cli.firecracker.vm;

import dev.microvm.cli.firecracker.api.Call;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cli.json.JsonText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Timer;
import java.util.TimerTask;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Counts, and writes a line of JSON with the counts since the last line, under Firecracker's names
 * as far as there is such a count here. Any thread may call.
 */
public final class Metrics implements AutoCloseable {
    private static final long FLUSH_MILLIS = 60_000; // Firecracker's WRITE_METRICS_PERIOD_MS

    private final String id;
    private final ApiLog log;
    private final Timer flushing = new Timer("fc_metrics", true);

    // Guarded by this.
    private final Map<String, Map<String, Long>> counts = new TreeMap<>();
    private final Map<String, Map<String, Long>> latest = new TreeMap<>();
    private @Nullable LineFile file;
    private boolean withId;
    private Map<?, ?> properties = Map.of();

    /**
     * Makes metrics that have no file yet.
     *
     * @param log is told if they cannot be written
     */
    public Metrics(String id, ApiLog log) {
        this.id = id;
        this.log = log;
    }

    /** Opens the file, and writes a line each minute from now on. @throws Refusal if there is one already, or it cannot be opened */
    synchronized void configure(Fields config) {
        String refused = "Cannot initialize the metrics system due to bad user input: ";
        if (file != null) throw new Refusal(refused + "Reinitialization of metrics not allowed.");
        try {
            file = new LineFile(Path.of(config.text("metrics_path")));
        } catch (IOException e) {
            throw new Refusal(refused + e.getMessage());
        }
        withId = config.flag("emit_id");
        TimerTask task = new TimerTask() {
            @Override
            public void run() {
                flushQuietly();
            }
        };
        flushing.schedule(task, FLUSH_MILLIS, FLUSH_MILLIS);
        if (config.value("properties").orElse(null) instanceof Map<?, ?> given) properties = given;
    }

    /** Counts a call. */
    void count(Call call, String method, boolean failed) {
        if (call.metric().isEmpty()) return;
        String section = method.toLowerCase(Locale.ROOT) + "_api_requests";
        add(section, call.metric() + "_count", 1);
        if (failed) add(section, call.metric() + "_fails", 1);
    }

    /** Adds to a count. */
    public synchronized void add(String section, String name, long value) {
        counts.computeIfAbsent(section, key -> new TreeMap<>()).merge(name, value, Long::sum);
    }

    /** Sets a value, which stays as it is until it is set again. */
    synchronized void set(String section, String name, long value) {
        latest.computeIfAbsent(section, key -> new TreeMap<>()).put(name, value);
    }

    /** Writes a line, if there is a file. */
    synchronized void flush() throws IOException {
        if (file == null) return;
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("utc_timestamp_ms", System.currentTimeMillis());
        if (withId) line.put("id", id);
        if (!properties.isEmpty()) line.put("properties", properties);
        latest.forEach(line::put);
        counts.forEach(line::put);
        file.write(JsonText.of(line));
        counts.clear();
    }

    private void flushQuietly() {
        try {
            flush();
        } catch (IOException e) {
            log.error("Failed to write metrics: " + e.getMessage());
        }
    }

    /** Writes the last line. */
    @Override
    public void close() {
        flushing.cancel();
        flushQuietly();
    }
}
