package dev.microvm.junit;

import dev.microvm.junit.MemoryLimit.Life;
import dev.microvm.junit.MemoryLimit.Reservation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The warm guests of a run, or of a class, by their origin; closed at its end. Any thread may call. */
final class WarmGuests implements AutoCloseable {
    private final MemoryLimit limit;
    private final Map<Object, WarmGuest> guests = new ConcurrentHashMap<>();
    private final List<Reservation> reservations = new ArrayList<>(); // guarded by itself

    WarmGuests(MemoryLimit limit) {
        this.limit = limit;
    }

    /** Starts a guest as fork of the warm one of an origin, which is made if it is not there. */
    void start(GuestVm guest, Object origin) {
        guests.computeIfAbsent(origin, any -> make(guest)).start(guest);
    }

    private WarmGuest make(GuestVm description) {
        try {
            synchronized (reservations) { // at once: a test waits for it, which has memory already
                reservations.add(limit.reserve(description.memoryMiB(), Life.CLASS, true));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return WarmGuest.like(description);
    }

    @Override
    public void close() {
        guests.values().forEach(WarmGuest::close);
        synchronized (reservations) {
            reservations.forEach(Reservation::close);
        }
    }
}
