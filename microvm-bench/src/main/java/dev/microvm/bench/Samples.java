package dev.microvm.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Measurements of one quantity, in the order in which they were taken. */
final class Samples {
    private final List<Double> values = new ArrayList<>();

    void add(double value) {
        values.add(value);
    }

    double median() {
        List<Double> sorted = new ArrayList<>(values);
        Collections.sort(sorted);
        int n = sorted.size();
        if (n == 0) throw new IllegalStateException("nothing was measured");
        return n % 2 == 1 ? sorted.get(n / 2) : (sorted.get(n / 2 - 1) + sorted.get(n / 2)) / 2;
    }

    /**
     * Returns the pairwise quotients of these and those: disturbances of both at the same time
     * cancel out.
     */
    Samples over(Samples those) {
        Samples ratios = new Samples();
        for (int i = 0; i < values.size(); i++) ratios.add(values.get(i) / those.values.get(i));
        return ratios;
    }

    /** Returns the smallest and the largest as text. */
    String range(String format) {
        return text(format, Collections.min(values)) + " to " + text(format, Collections.max(values));
    }

    /** Returns all of them as text. */
    String all(String format) {
        return values.stream().map(value -> text(format, value)).collect(Collectors.joining(" "));
    }

    /** Formats a number the same in every locale. */
    static String text(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
