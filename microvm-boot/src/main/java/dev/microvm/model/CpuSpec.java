package dev.microvm.model;

import dev.microvm.boot.tables.MpTable;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.cpuid.CpuidPolicy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The CPUs that the guest sees.
 *
 * @param vcpus number of vCPUs, 1 to 254
 * @param features shown to the guest or hidden from it, by their names in {@code /proc/cpuinfo}
 * @param leaves results of CPUID that replace the hypervisor's
 * @param smt whether each two vCPUs are threads of one core; null, in snapshots without it, for AUTO
 * @param share how much of a host CPU each vCPU may use, in percent, 1 to 100
 */
public record CpuSpec(int vcpus, Map<String, Feature> features, List<CpuidEntry> leaves, Feature smt, int share) {
    /** The share that is no limit, in percent. */
    public static final int WHOLE_CPU = 100;

    /** One vCPU with the hypervisor's features and no limit. */
    public static final CpuSpec DEFAULT = new CpuSpec(1, Map.of(), List.of(), Feature.AUTO, WHOLE_CPU);

    /** Maximum number of vCPUs of a machine. */
    public static final int MAX_VCPUS = MpTable.MAX_CPUS;

    /** Copies the collections; the map keeps its order. */
    public CpuSpec {
        Objects.requireNonNull(features, "features");
        Objects.requireNonNull(leaves, "leaves");
        features = Collections.unmodifiableMap(new LinkedHashMap<>(features));
        leaves = List.copyOf(leaves);
        smt = Objects.requireNonNullElse(smt, Feature.AUTO);
    }

    /** The same with another number of vCPUs. */
    public CpuSpec withVcpus(int count) {
        return new CpuSpec(count, features, leaves, smt, share);
    }

    /** The same with a choice about a feature. */
    public CpuSpec withFeature(String name, Feature value) {
        Objects.requireNonNull(name, "feature");
        Objects.requireNonNull(value, "value");
        Map<String, Feature> more = new LinkedHashMap<>(features);
        more.put(name, value);
        return new CpuSpec(vcpus, more, leaves, smt, share);
    }

    /** The same with one more replaced result of CPUID. */
    public CpuSpec withLeaf(CpuidEntry leaf) {
        Objects.requireNonNull(leaf, "leaf");
        return new CpuSpec(vcpus, features, Lists.with(leaves, leaf), smt, share);
    }

    /** The same with another choice about threads. */
    public CpuSpec withSmt(Feature value) {
        Objects.requireNonNull(value, "smt");
        return new CpuSpec(vcpus, features, leaves, value, share);
    }

    /** Returns the number of vCPUs that are threads of one core. */
    public int threadsPerCore() {
        return smt == Feature.ON && vcpus % 2 == 0 ? 2 : 1;
    }

    /** The same with another share of a host CPU. */
    public CpuSpec withShare(int percent) {
        return new CpuSpec(vcpus, features, leaves, smt, percent);
    }

    /**
     * Returns what is out of range or unknown. What the hypervisor lacks is found by building the
     * machine.
     */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (vcpus < 1 || vcpus > MAX_VCPUS) problems.add("vcpus: 1 to %d, was %d".formatted(MAX_VCPUS, vcpus));
        if (share < 1 || share > WHOLE_CPU) {
            problems.add("cpuShare: 1 to %d percent, was %d".formatted(WHOLE_CPU, share));
        }
        if (smt == Feature.ON && vcpus > 1 && vcpus % 2 != 0) {
            problems.add("smt: ON needs an even number of vCPUs, or one, was %d".formatted(vcpus));
        }
        for (String name : features.keySet()) {
            if (CpuFeature.named(name).isEmpty()) {
                problems.add(
                        "cpuFeature: \"%s\" is not a known CPU feature: use a flag's name in /proc/cpuinfo, such as avx2"
                                .formatted(name));
            }
        }
        return problems;
    }

    /** Returns all changes to the results of CPUID; unknown features are left out. */
    public CpuidPolicy cpuidPolicy() {
        CpuidPolicy policy = CpuidPolicy.NONE;
        for (CpuidEntry leaf : leaves) policy = policy.with(leaf);
        for (Map.Entry<String, Feature> choice : features.entrySet()) {
            Optional<CpuFeature> feature = CpuFeature.named(choice.getKey());
            if (feature.isEmpty() || choice.getValue() == Feature.AUTO) continue;
            policy = policy.with(feature.get(), choice.getValue() == Feature.ON);
        }
        return policy;
    }
}
