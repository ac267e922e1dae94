package dev.microvm.sandbox.agent;

import dev.microvm.sandbox.GuestFigures;
import java.io.IOException;
import java.net.Inet4Address;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A guest as a whole: its name, time, network, figures, end. Any thread may call. */
public final class GuestSystem {
    // Operations of a request SYSTEM.
    private static final int POWER_OFF = 1;
    private static final int HOSTNAME = 2;
    private static final int TIME = 3;
    private static final int NETWORK = 4;
    private static final int FILE = 5;

    private static final int TICK_MS = 10; // USER_HZ of Linux is 100 on x86
    private static final int IDLE = 3; // the fields of a line "cpu" of /proc/stat: proc(5)
    private static final int IO_WAIT = 4;
    private static final int FIELDS = 8;

    private final Dialer dialer;

    /** @param dialer to the agent */
    public GuestSystem(Dialer dialer) {
        this.dialer = dialer;
    }

    private static Payload operation(int code) {
        return Payload.of(Wire.SYSTEM).int32(code);
    }

    /** Writes all files to the disks and turns the guest off. */
    public void powerOff() throws IOException {
        dialer.number(operation(POWER_OFF));
    }

    /** Sets the guest's name. */
    public void hostname(String name) throws IOException {
        dialer.number(operation(HOSTNAME).text(name));
    }

    /** Sets the guest's time of day. */
    public void time(Instant now) throws IOException {
        dialer.number(operation(TIME).int64(now.getEpochSecond()).int64(now.getNano()));
    }

    /** Sets a network device's address, and the default route if there is a gateway. */
    public void network(String device, Inet4Address address, int prefix, @Nullable Inet4Address gateway)
            throws IOException {
        int mask = Integer.reverseBytes((int) (-1L << (Integer.SIZE - prefix)));
        dialer.number(operation(NETWORK)
                .text(device)
                .int32(number(address))
                .int32(mask)
                .int32(gateway == null ? 0 : number(gateway)));
    }

    /** Returns an address as it is in memory, read as little-endian. */
    private static int number(Inet4Address address) {
        return Integer.reverseBytes(ByteBuffer.wrap(address.getAddress()).getInt());
    }

    /** Returns the guest's figures. */
    public GuestFigures figures() throws IOException {
        String memory = file("/proc/meminfo");
        String[] cpu = file("/proc/stat").lines().findFirst().orElse("").split(" +", -1);
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
                (int) find(file("/proc/loadavg"), "/([0-9]+)"),
                Duration.ofSeconds(find(file("/proc/uptime"), "^([0-9]+)")));
    }

    private static long find(String text, String pattern) {
        Matcher found = Pattern.compile(pattern).matcher(text);
        return found.find() ? number(found.group(1)) : 0;
    }

    private static long number(String digits) {
        return digits.matches("[0-9]{1,15}") ? Long.parseLong(digits) : 0;
    }

    /** Returns the text of a small file, such as those in {@code /proc}. */
    private String file(String path) throws IOException {
        try (AgentChannel channel = dialer.request(operation(FILE).text(path))) {
            return StandardCharsets.UTF_8.decode(channel.expect(Wire.DATA)).toString();
        }
    }
}
