package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.limits.RateLimit;
import java.util.List;

/** What {@code -object throttle-group} says. */
final class ThrottleGroup {
    static final Grammar<ThrottleGroup> GRAMMAR = new Grammar<>(
            "-object throttle-group",
            "",
            List.of(
                    maps(
                            "id=ID",
                            "the name for `throttle-group=ID` of a -blockdev",
                            (group, value) -> group.id = value),
                    maps(
                            "x-bps-total=N, limits.bps-total=N",
                            "`VirtioBlkOptions.rateLimit` of each disk that names it",
                            (group, value) -> group.bytes = Values.number(value, 0, Long.MAX_VALUE)),
                    maps(
                            "x-iops-total=N, limits.iops-total=N",
                            "the same, requests a second",
                            (group, value) -> group.requests = Values.number(value, 0, Long.MAX_VALUE)),
                    refused("x-*, limits.*", "only totals; use x-bps-total=N and x-iops-total=N")));

    String id = "";
    private long bytes;
    private long requests;

    RateLimit limit() {
        return new RateLimit(bytes, requests);
    }
}
