package dev.microvm.linuxguest;

import dev.microvm.model.Irqchip;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The combinations of machine options that a Linux guest is booted with.
 *
 * <p>{@link #all} returns those that make sense. {@link #pairwise} returns a few of them in which
 * every two values of two options occur together at least once, because most mistakes are in the
 * combination of two options.
 */
final class BootMatrix {
    /** Who starts the kernel. */
    enum Start {
        DIRECT,
        QBOOT,
        SEABIOS
    }

    /** One machine. */
    record Combination(
            Start start,
            Irqchip irqchip,
            int vcpus,
            boolean pic,
            boolean pit,
            boolean rtc,
            boolean isaSerial,
            boolean acpi) {
        /**
         * Returns how many CPUs the guest finds: the MP table of SeaBIOS has only the first CPU of
         * each package.
         */
        int cpus() {
            return start == Start.SEABIOS && !acpi ? 1 : vcpus;
        }

        /** Whether the builder accepts it. */
        boolean possible() {
            return pic || irqchip == Irqchip.SPLIT;
        }

        @Override
        public String toString() {
            return "%s, %s, %d vCPU, pic %s, pit %s, rtc %s, isaSerial %s, acpi %s"
                    .formatted(start, irqchip, vcpus, on(pic), on(pit), on(rtc), on(isaSerial), on(acpi));
        }

        private static String on(boolean feature) {
            return feature ? "on" : "off";
        }

        private List<Object> values() {
            return List.of(start, irqchip, vcpus, pic, pit, rtc, isaSerial, acpi);
        }

        /** Returns every two of its values, with their options. */
        private Set<List<Object>> pairs() {
            List<Object> values = values();
            Set<List<Object>> pairs = new HashSet<>();
            for (int i = 0; i < values.size(); i++) {
                for (int j = 0; j < i; j++) pairs.add(List.of(i, values.get(i), j, values.get(j)));
            }
            return pairs;
        }
    }

    private BootMatrix() {}

    static List<Combination> all(Set<Irqchip> irqchips) {
        List<Combination> all = new ArrayList<>();
        for (Start start : Start.values()) {
            for (Irqchip irqchip : EnumSet.copyOf(irqchips)) {
                for (int vcpus = 1; vcpus <= 2; vcpus++) addParts(all, start, irqchip, vcpus);
            }
        }
        all.removeIf(combination -> !combination.possible());
        return all;
    }

    private static void addParts(List<Combination> all, Start start, Irqchip irqchip, int vcpus) {
        for (int parts = 0; parts < 1 << 5; parts++) {
            all.add(new Combination(
                    start, irqchip, vcpus, bit(parts, 0), bit(parts, 1), bit(parts, 2), bit(parts, 3), bit(parts, 4)));
        }
    }

    private static boolean bit(int bits, int index) {
        return (bits >> index & 1) == 0;
    }

    /** Repeatedly takes the combination with the most pairs that are not covered yet. */
    static List<Combination> pairwise(Set<Irqchip> irqchips) {
        List<Combination> left = all(irqchips);
        Set<List<Object>> wanted = new HashSet<>();
        left.forEach(combination -> wanted.addAll(combination.pairs()));
        List<Combination> chosen = new ArrayList<>();
        while (!wanted.isEmpty()) {
            Combination best = left.getFirst();
            int most = 0;
            for (Combination candidate : left) {
                Set<List<Object>> gained = candidate.pairs();
                gained.retainAll(wanted);
                if (gained.size() > most) {
                    most = gained.size();
                    best = candidate;
                }
            }
            wanted.removeAll(best.pairs());
            chosen.add(best);
        }
        return chosen;
    }
}
