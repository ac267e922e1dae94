package dev.microvm.cli.firecracker.vm;

import dev.microvm.cli.firecracker.json.Fields;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The log of the API in Firecracker's format, on standard output until it has a file. The library
 * itself logs by SLF4J. Any thread may call.
 */
public final class ApiLog {
    /** How serious a line is, the least first. */
    public enum Level {
        TRACE,
        DEBUG,
        INFO,
        WARN,
        ERROR,
        OFF
    }

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS");

    private final String id;
    private final PrintStream out;

    // Guarded by this.
    private @Nullable LineFile file;
    private Level least = Level.INFO;
    private boolean showLevel;
    private boolean showOrigin;

    /** Makes a log of level Info that goes to {@code out}. */
    public ApiLog(String id, PrintStream out) {
        this.id = id;
        this.out = out;
    }

    /** Changes what the configuration has. @throws Refusal if the file cannot be opened */
    synchronized void configure(Fields config) {
        config.maybeText("log_path").ifPresent(path -> {
            try {
                file = new LineFile(Path.of(path));
            } catch (IOException e) {
                throw new Refusal("Failed to open target file: " + e.getMessage());
            }
        });
        least = config.maybeText("level").map(ApiLog::level).orElse(Level.INFO);
        if (config.has("show_level")) showLevel = config.flag("show_level");
        if (config.has("show_log_origin")) showOrigin = config.flag("show_log_origin");
    }

    private static Level level(String name) {
        return name.equalsIgnoreCase("warning") ? Level.WARN : Level.valueOf(name.toUpperCase(Locale.ROOT));
    }

    /** Writes a line of level INFO. */
    public void info(String text) {
        write(Level.INFO, text);
    }

    /** Writes a line of level ERROR. */
    public void error(String text) {
        write(Level.ERROR, text);
    }

    /** Writes a line of level WARN. */
    public void warn(String text) {
        write(Level.WARN, text);
    }

    private synchronized void write(Level level, String text) {
        if (level.compareTo(least) < 0) return;
        String line = "%s [%s:%s%s%s] %s"
                .formatted(
                        TIME.format(LocalDateTime.now(ZoneId.systemDefault())),
                        id,
                        Thread.currentThread().getName(),
                        showLevel ? ":" + level : "",
                        showOrigin ? ":" + ApiLog.class.getPackageName() : "",
                        text);
        try {
            if (file == null) out.println(line);
            else file.write(line);
        } catch (IOException e) {
            out.println(line);
        }
    }
}
