package dev.microvm.cli.firecracker.vm;

import dev.microvm.ConsoleTarget;
import java.util.Objects;

/**
 * What the command line says about an instance.
 *
 * @param id its name
 * @param console where the serial port leads if the API does not say
 * @param log receives the log of the API
 * @param bootTimer whether a device tells the time from the start until the guest has booted
 * @param mmdsLimit the largest content of MMDS, in bytes of JSON
 */
public record Settings(String id, ConsoleTarget console, ApiLog log, boolean bootTimer, int mmdsLimit) {
    /** Firecracker's limit of a body and of MMDS: {@code HTTP_MAX_PAYLOAD_SIZE}. */
    public static final int DEFAULT_LIMIT = 51_200;

    /** Refuses null. */
    public Settings {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(console, "console");
        Objects.requireNonNull(log, "log");
    }
}
