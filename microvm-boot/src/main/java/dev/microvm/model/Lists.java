package dev.microvm.model;

import java.util.ArrayList;
import java.util.List;

/** Changed copies of immutable lists. */
final class Lists {
    private Lists() {}

    /** Returns {@code list} with {@code last} appended. */
    static <T> List<T> with(List<T> list, T last) {
        List<T> more = new ArrayList<>(list);
        more.add(last);
        return List.copyOf(more);
    }
}
