package dev.microvm.engine;

import dev.microvm.event.Signal;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.VirtualMachine.Registration;
import java.util.concurrent.CopyOnWriteArrayList;

/** Writes that raise a signal instead of reaching the machine's handler. Any thread may call. */
final class Doorbells {
    private record Bell(Doorbell doorbell, Signal signal) {}

    private final CopyOnWriteArrayList<Bell> bells = new CopyOnWriteArrayList<>();

    Doorbells() {}

    Registration add(Doorbell doorbell, Signal signal) {
        Bell bell = new Bell(doorbell, signal);
        bells.add(bell);
        return () -> bells.remove(bell);
    }

    /** Raises the signal of a write, if there is one. */
    boolean ring(boolean port, long address, int size, long value) {
        for (int i = 0; i < bells.size(); i++) {
            Bell bell = bells.get(i);
            Doorbell at = bell.doorbell;
            boolean here = at.port() == port && at.address() == address && at.size() == size;
            if (here && (at.match().isEmpty() || at.match().getAsLong() == value)) {
                bell.signal.raise();
                return true;
            }
        }
        return false;
    }
}
