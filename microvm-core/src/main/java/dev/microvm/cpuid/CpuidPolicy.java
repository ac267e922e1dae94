package dev.microvm.cpuid;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The changes a user makes to the CPUID tables: single features by name, and whole entries.
 * Immutable.
 *
 * <p>On the engine a hidden feature is not there. On KVM an instruction of one may still execute, as
 * the host's processor has it.
 */
public final class CpuidPolicy {
    /** Changes nothing. */
    public static final CpuidPolicy NONE = new CpuidPolicy(Map.of(), List.of());

    /** Leaves that the machine fills in for each vCPU: topology, and the components of XSAVE. */
    private static final List<Integer> OWN_LEAVES = List.of(0x4, 0xB, 0xD, 0x1F, 0x8000_001D, 0x8000_001E);

    // Sizes of addresses: AMD APM vol. 3, E.4.7
    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int ADDRESS_BITS = 0xFF;
    private static final int LINEAR_SHIFT = 8;

    private final Map<CpuFeature, Boolean> features; // in the order in which they were set
    private final List<CpuidEntry> leaves;

    private CpuidPolicy(Map<CpuFeature, Boolean> features, List<CpuidEntry> leaves) {
        this.features = features;
        this.leaves = leaves;
    }

    /** Returns this policy with a feature shown or hidden. */
    public CpuidPolicy with(CpuFeature feature, boolean present) {
        Objects.requireNonNull(feature, "feature");
        Map<CpuFeature, Boolean> more = new LinkedHashMap<>(features);
        more.remove(feature);
        more.put(feature, present);
        return new CpuidPolicy(more, leaves);
    }

    /**
     * Returns this policy with an entry that replaces the table's entry of the same leaf, or is
     * added if there is none. Features are applied to it afterwards.
     */
    public CpuidPolicy with(CpuidEntry leaf) {
        Objects.requireNonNull(leaf, "leaf");
        List<CpuidEntry> more = new ArrayList<>(leaves);
        more.removeIf(each -> same(each, leaf));
        more.add(leaf);
        return new CpuidPolicy(features, more);
    }

    private static boolean same(CpuidEntry a, CpuidEntry b) {
        return a.function() == b.function() && a.index() == b.index();
    }

    /**
     * Checks the policy against what the hypervisor offers.
     *
     * @param offered the table without this policy
     * @param by name of the hypervisor, for messages
     * @return one sentence for each problem; empty if there is none
     */
    public List<String> problems(List<CpuidEntry> offered, String by) {
        Objects.requireNonNull(offered, "offered");
        Objects.requireNonNull(by, "by");
        List<String> problems = new ArrayList<>();
        features.forEach((feature, present) -> {
            if (present && !feature.isIn(offered)) {
                problems.add(
                        "cpuFeature: %s is ON, but %s does not offer it on this host: leave it out, or use another host"
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
        if (leaf.function() == ADDRESS_SIZES) checkAddressSizes(leaf, offered, by, problems);
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

    /** A guest that believes in more bits of an address than there are gets faults it cannot explain. */
    private static void checkAddressSizes(CpuidEntry leaf, List<CpuidEntry> offered, String by, List<String> problems) {
        for (CpuidEntry each : offered) {
            if (!same(each, leaf)) continue;
            int physical = each.eax() & ADDRESS_BITS;
            int linear = each.eax() >>> LINEAR_SHIFT & ADDRESS_BITS;
            if ((leaf.eax() & ADDRESS_BITS) > physical || (leaf.eax() >>> LINEAR_SHIFT & ADDRESS_BITS) > linear) {
                problems.add(("cpuidLeaf: 0x%x EAX=0x%08x has longer addresses than %s on this host:"
                                + " at most %d bits physical (bits 0 to 7), %d linear (bits 8 to 15)")
                        .formatted(leaf.function(), leaf.eax(), by, physical, linear));
            }
        }
    }

    /**
     * Returns whether a register's bits are features. The hypervisor must offer those; other
     * registers only inform the guest.
     */
    private static boolean hasFeatures(CpuidEntry leaf, CpuFeature.Register register) {
        return CpuFeature.all().stream().anyMatch(each -> each.isOf(leaf) && each.register() == register);
    }

    /**
     * Returns the table with all changes applied. The APIC ID and the number of CPUs in leaf 1 do
     * not change.
     */
    public List<CpuidEntry> apply(List<CpuidEntry> table) {
        Objects.requireNonNull(table, "table");
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
