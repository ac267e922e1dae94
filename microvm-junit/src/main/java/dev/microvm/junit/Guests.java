package dev.microvm.junit;

import dev.microvm.junit.MemoryLimit.Life;
import dev.microvm.junit.MemoryLimit.Reservation;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;

/**
 * The guests of one test or class: in the store of its context, which closes it when the test or
 * class is over. For one thread.
 */
final class Guests implements AutoCloseable {
    private static final Namespace NAMESPACE = Namespace.create(Guests.class);
    private static final String LIMIT_PARAMETER = "microvm.junit.memoryMiB";
    private static final String FORK_PARAMETER = "microvm.junit.fork";

    private final MemoryLimit limit;
    private final @Nullable Guests around; // those of the enclosing context
    private final @Nullable WarmGuests ofRun; // to continue from; null if all boot
    private final WarmGuests ofClass; // the same for its fields
    private final List<GuestVm> guests = new ArrayList<>();
    private final List<Reservation> reservations = new ArrayList<>();

    private Guests(MemoryLimit limit, @Nullable Guests around, @Nullable WarmGuests ofRun, WarmGuests ofClass) {
        this.limit = limit;
        this.around = around;
        this.ofRun = ofRun;
        this.ofClass = ofClass;
    }

    /** Returns the guests of a context, initially none. */
    static Guests of(ExtensionContext context) {
        Store store = context.getStore(NAMESPACE);
        String key = context.getUniqueId(); // stores also show what is in the enclosing ones
        Guests known = store.get(key, Guests.class);
        if (known != null) return known;
        Guests around = context.getParent()
                .filter(parent -> parent.getTestClass().isPresent())
                .map(Guests::of)
                .orElse(null);
        WarmGuests ofClass =
                around != null && context.getTestMethod().isPresent() ? around.ofClass : new WarmGuests(limit(context));
        Guests made = new Guests(limit(context), around, warm(context), ofClass);
        store.put(key, made);
        return made;
    }

    /** One for the run. */
    private static MemoryLimit limit(ExtensionContext context) {
        Store store = context.getRoot().getStore(NAMESPACE);
        synchronized (Guests.class) {
            MemoryLimit known = store.get(MemoryLimit.class, MemoryLimit.class);
            if (known != null) return known;
            MemoryLimit made = new MemoryLimit(context.getConfigurationParameter(LIMIT_PARAMETER, Long::valueOf)
                    .orElseGet(MemoryLimit::defaultMiB));
            store.put(MemoryLimit.class, made);
            return made;
        }
    }

    /** Those of the run. */
    private static @Nullable WarmGuests warm(ExtensionContext context) {
        if (!context.getConfigurationParameter(FORK_PARAMETER, Boolean::valueOf).orElse(true)) return null;
        MemoryLimit limit = limit(context);
        Store store = context.getRoot().getStore(NAMESPACE);
        synchronized (Guests.class) {
            WarmGuests known = store.get(WarmGuests.class, WarmGuests.class);
            if (known != null) return known;
            WarmGuests made = new WarmGuests(limit);
            store.put(WarmGuests.class, made);
            return made;
        }
    }

    /** Starts guests, in their order, when there is memory for them. */
    void start(List<GuestVm> more, Life life) throws InterruptedException {
        if (more.isEmpty()) return;
        long mib = more.stream().mapToLong(GuestVm::memoryMiB).sum();
        boolean classAround = life == Life.CLASS && around != null && !around.reservations.isEmpty();
        reservations.add(limit.reserve(mib, life, !reservations.isEmpty() || classAround));
        for (GuestVm each : more) {
            guests.add(each);
            start(each);
        }
    }

    private void start(GuestVm guest) {
        Object origin = guest.origin().orElse(null);
        if (ofRun == null || origin == null) guest.start();
        else (origin instanceof Field ? ofClass : ofRun).start(guest, origin);
    }

    /** Returns the guests of this context and of those around it, the outermost first. */
    List<GuestVm> visible() {
        List<GuestVm> all = around == null ? new ArrayList<>() : around.visible();
        all.addAll(guests);
        return all;
    }

    @Override
    public void close() {
        RuntimeException failure = null;
        for (GuestVm each : guests.reversed()) {
            try {
                each.close();
            } catch (RuntimeException e) {
                if (failure == null) failure = e;
                else failure.addSuppressed(e);
            }
        }
        reservations.forEach(Reservation::close);
        if (around == null || around.ofClass != ofClass) ofClass.close();
        if (failure != null) throw failure;
    }
}
