package dev.microvm.cpuid;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a user changes of the CPUID tables: features by name, and whole answers. Immutable.
 *
 * <p>It says what the guest is told. An instruction of a feature that is hidden may run all the same.
 */
public final class CpuidPolicy {
    /** Changes nothing. */
    public static final CpuidPolicy NONE = new CpuidPolicy(Map.of(), List.of());

    /** Leaves that the machine fills in for each vCPU by itself: topology, and what XSAVE saves. */
    private static final List<Integer> OWN_LEAVES = List.of(0x4, 0xB, 0xD, 0x1F, 0x8000_001D, 0x8000_001E);

    private final Map<CpuFeature, Boolean> features; // later ones behind
    private final List<CpuidEntry> leaves;

    private CpuidPolicy(Map<CpuFeature, Boolean> features, List<CpuidEntry> leaves) {
        this.features = features;
        this.leaves = leaves;
    }

    /** The same with a feature shown or hidden. */
    public CpuidPolicy with(CpuFeature feature, boolean present) {
        Map<CpuFeature, Boolean> more = new LinkedHashMap<>(features);
        more.remove(feature);
        more.put(feature, present);
        return new CpuidPolicy(more, leaves);
    }

    /** The same with an answer in place of the table's, or beside what is there; features are changed in it after that. */
    public CpuidPolicy with(CpuidEntry leaf) {
        List<CpuidEntry> more = new ArrayList<>(leaves);
        more.removeIf(each -> same(each, leaf));
        more.add(leaf);
        return new CpuidPolicy(features, more);
    }

    private static boolean same(CpuidEntry a, CpuidEntry b) {
        return a.function() == b.function() && a.index() == b.index();
    }

    /**
     * What of this cannot be had.
     *
     * @param offered the table without this policy
     * @param by the hypervisor's name
     * @return a sentence for each problem
     */
    public List<String> problems(List<CpuidEntry> offered, String by) {
        List<String> problems = new ArrayList<>();
        features.forEach((feature, present) -> {
            if (present && !feature.isIn(offered)) {
                problems.add(
                        "cpuFeature: %s ON, which %s does not offer on this host: leave it out, or use another host"
                                .formatted(feature, by));
            }
        });
        for (CpuidEntry leaf : leaves) check(leaf, offered, by, problems);
        return problems;
    }

    private static void check(CpuidEntry leaf, List<CpuidEntry> offered, String by, List<String> problems) {
        if (OWN_LEAVES.contains(leaf.function())) {
            problems.add("cpuidLeaf: 0x%x is filled in for each vCPU by the machine: leave it out"
                    .formatted(leaf.function()));
            return;
        }
        for (CpuFeature.Register register : CpuFeature.Register.values()) {
            if (!hasFeatures(leaf, register)) continue;
            int had = offered.stream()
                    .filter(each -> same(each, leaf))
                    .mapToInt(register::of)
                    .findFirst()
                    .orElse(0);
            int excess = register.of(leaf) & ~had;
            if (excess != 0) {
                problems.add("cpuidLeaf: 0x%x.%d %s=0x%08x has bits that %s does not offer on this host: clear 0x%08x"
                        .formatted(leaf.function(), leaf.index(), register, register.of(leaf), by, excess));
            }
        }
    }

    /** Whether a register's bits are features, which the hypervisor must have; others are words to the guest. */
    private static boolean hasFeatures(CpuidEntry leaf, CpuFeature.Register register) {
        return CpuFeature.all().stream().anyMatch(each -> each.isOf(leaf) && each.register() == register);
    }

    /** A table with all changes made; the APIC ID and the number of CPUs in leaf 1 stay. */
    public List<CpuidEntry> apply(List<CpuidEntry> table) {
        List<CpuidEntry> changed = new ArrayList<>(table);
        for (CpuidEntry leaf : leaves) put(changed, leaf);
        features.forEach((feature, present) ->
                changed.replaceAll(entry -> feature.isOf(entry) ? feature.set(entry, present) : entry));
        return List.copyOf(changed);
    }

    private static void put(List<CpuidEntry> table, CpuidEntry leaf) {
        for (int i = 0; i < table.size(); i++) {
            if (!same(table.get(i), leaf)) continue;
            table.set(i, GuestCpuid.keepingIdentity(table.get(i), leaf));
            return;
        }
        table.add(leaf);
    }

    @Override
    public String toString() {
        List<String> changes = new ArrayList<>();
        leaves.forEach(leaf -> changes.add(leaf.toString()));
        features.forEach((feature, present) -> changes.add((present ? "+" : "-") + feature));
        return changes.isEmpty() ? "as the hypervisor has it" : String.join(", ", changes);
    }
}
