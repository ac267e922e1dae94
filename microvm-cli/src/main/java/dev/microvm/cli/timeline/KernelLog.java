package dev.microvm.cli.timeline;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The kernel's phases by its own clock: the time stamps of its console's lines. The host's clock
 * says only where the kernel's begins, so that a console that is slow to be read does not matter.
 */
final class KernelLog {
    private static final Pattern STAMPED = Pattern.compile("\\[ *(\\d+\\.\\d{6})\\] (.*)");
    private static final double MILLIS = 1000;

    /** What a line begins: the kernel's init/main.c, mm/, drivers/base, init/initramfs.c. */
    private enum Landmark {
        START("Linux version", "kernel: first steps"),
        MEMORY("Memory: ", "kernel: memory, interrupts, time"),
        SUBSYSTEMS("devtmpfs: initialized", "kernel: subsystems"),
        DEVICES("Unpacking initramfs", "kernel: drivers"),
        FREE("Freeing unused kernel image", "kernel: last steps"),
        INIT("as init process", "init");

        private final String text;
        private final String phase;

        Landmark(String text, String phase) {
            this.text = text;
            this.phase = phase;
        }
    }

    /** A landmark that was passed, by the kernel's clock. */
    private record Passed(Landmark landmark, double kernelMillis) {}

    private final List<Passed> passed = new ArrayList<>();
    private double offset = Double.POSITIVE_INFINITY; // of the kernel's clock on the host's

    /** @param hostMillis when the host saw the line */
    synchronized void line(String line, double hostMillis) {
        Matcher stamped = STAMPED.matcher(line);
        if (!stamped.lookingAt()) return;
        double millis = Double.parseDouble(stamped.group(1)) * MILLIS;
        if (millis > 0) offset = Math.min(offset, hostMillis - millis); // it is 0 before the clock runs
        for (Landmark each : Landmark.values()) {
            boolean later = passed.isEmpty() || passed.getLast().landmark().compareTo(each) < 0;
            if (later && stamped.group(2).contains(each.text)) passed.add(new Passed(each, millis));
        }
    }

    /**
     * Returns its phases.
     *
     * @param from when the guest's first instruction ran
     * @param to when the last phase ended
     */
    synchronized List<Phase> phases(double from, double to) {
        List<Phase> phases = new ArrayList<>();
        String name = "guest: before the kernel's first line";
        double start = from;
        for (Passed each : passed) {
            double at = Math.clamp(each.kernelMillis() + offset, start, to);
            phases.add(new Phase(name, who(name), start, at));
            name = each.landmark().phase;
            start = at;
        }
        phases.add(new Phase(passed.isEmpty() ? "guest" : name, who(name), start, to));
        return phases;
    }

    private static Phase.Who who(String name) {
        return name.startsWith("kernel") ? Phase.Who.KERNEL : Phase.Who.GUEST;
    }
}
