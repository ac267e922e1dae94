package dev.microvm.boot.testing;

import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import dev.microvm.testing.ProcessUse;
import java.time.Duration;
import java.util.SortedMap;
import java.util.TreeMap;

/** What the machines of this process hold, each kind by its name, for a test to compare. */
public final class Held {
    private static final Duration SOON = Duration.ofSeconds(20);

    private final SortedMap<String, Long> amounts = new TreeMap<>();

    private Held() {
        ProcessUse use = ProcessUse.now();
        amounts.put("descriptors", use.descriptors());
        amounts.put("mappings of KVM", use.kvmMappings());
        amounts.put("threads", use.machineThreads());
        for (Budget budget : JvmBudgets.all()) amounts.put(budget.name(), budget.used());
    }

    /** Returns what is held now. */
    public static Held now() {
        return new Held();
    }

    /**
     * Returns what is held beyond {@code before} and stays so: empty if nothing leaks. Threads for
     * which nobody waits, such as those of callbacks, end soon but not at once.
     */
    public static SortedMap<String, String> beyond(Held before) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        SortedMap<String, String> more = now().moreThan(before);
        while (!more.isEmpty() && System.nanoTime() < deadline) {
            Thread.sleep(2);
            more = now().moreThan(before);
        }
        return more;
    }

    private SortedMap<String, String> moreThan(Held before) {
        SortedMap<String, String> more = new TreeMap<>();
        amounts.forEach((kind, amount) -> {
            long then = before.amounts.getOrDefault(kind, 0L);
            if (amount > then) more.put(kind, then + " before, " + amount + " now");
        });
        return more;
    }
}
