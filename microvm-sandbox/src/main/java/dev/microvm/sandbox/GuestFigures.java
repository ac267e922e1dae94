package dev.microvm.sandbox;

import dev.microvm.sandbox.agent.GuestSystem;
import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a guest uses, as its kernel says it.
 *
 * @param totalMemory bytes of memory that it has
 * @param availableMemory bytes that programs could still have
 * @param cpuBusy time that its CPUs have worked, together
 * @param cpuIdle time that they have waited
 * @param processes processes and threads
 * @param uptime since it was started
 */
public record GuestFigures(
        long totalMemory, long availableMemory, Duration cpuBusy, Duration cpuIdle, int processes, Duration uptime) {
    private static final int TICK_MS = 10; // USER_HZ of Linux is 100 on x86
    private static final int IDLE = 3; // the fields of a line "cpu" of /proc/stat: proc(5)
    private static final int IO_WAIT = 4;
    private static final int FIELDS = 8;

    /** @throws NullPointerException if a component is null */
    public GuestFigures {
        Objects.requireNonNull(cpuBusy, "cpuBusy");
        Objects.requireNonNull(cpuIdle, "cpuIdle");
        Objects.requireNonNull(uptime, "uptime");
    }

    /** Asks the guest: proc(5). */
    static GuestFigures of(GuestSystem guest) throws IOException {
        String memory = guest.file("/proc/meminfo");
        String[] cpu = guest.file("/proc/stat").lines().findFirst().orElse("").split(" +", -1);
        long[] ticks = new long[FIELDS];
        for (int i = 0; i < FIELDS && i + 1 < cpu.length; i++) ticks[i] = number(cpu[i + 1]);
        long idle = ticks[IDLE] + ticks[IO_WAIT];
        long all = 0;
        for (long each : ticks) all += each;
        return new GuestFigures(
                1024 * find(memory, "MemTotal: +([0-9]+)"),
                1024 * find(memory, "MemAvailable: +([0-9]+)"),
                Duration.ofMillis(TICK_MS * (all - idle)),
                Duration.ofMillis(TICK_MS * idle),
                (int) find(guest.file("/proc/loadavg"), "/([0-9]+)"),
                Duration.ofSeconds(find(guest.file("/proc/uptime"), "^([0-9]+)")));
    }

    private static long find(String text, String pattern) {
        Matcher found = Pattern.compile(pattern).matcher(text);
        return found.find() ? number(found.group(1)) : 0;
    }

    private static long number(String digits) {
        return digits.matches("[0-9]{1,15}") ? Long.parseLong(digits) : 0;
    }
}
