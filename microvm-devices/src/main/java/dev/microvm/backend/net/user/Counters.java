package dev.microvm.backend.net.user;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/** The counters of a network. Its thread writes them; any thread may read them. */
final class Counters {
    private final Map<NetCounter, AtomicLong> values = new EnumMap<>(NetCounter.class); // never changed once made

    Counters() {
        for (NetCounter counter : NetCounter.values()) values.put(counter, new AtomicLong());
    }

    void count(NetCounter counter) {
        add(counter, 1);
    }

    void add(NetCounter counter, long amount) {
        AtomicLong value = of(counter);
        value.setRelease(value.getPlain() + amount); // only this thread writes
    }

    long get(NetCounter counter) {
        return of(counter).getAcquire();
    }

    Map<NetCounter, Long> all() {
        Map<NetCounter, Long> all = new EnumMap<>(NetCounter.class);
        values.forEach((counter, value) -> all.put(counter, value.getAcquire()));
        return all;
    }

    private AtomicLong of(NetCounter counter) {
        return Objects.requireNonNull(values.get(counter));
    }
}
