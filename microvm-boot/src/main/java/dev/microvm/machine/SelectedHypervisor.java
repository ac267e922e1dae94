package dev.microvm.machine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.Probe;
import dev.microvm.model.HypervisorChoice;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * A hypervisor, and why it was selected.
 *
 * @param why the reason in words, for logs and {@code MicroVm.describe}
 * @param limit why it cannot run an ordinary kernel, with the remedy; empty if it can
 */
public record SelectedHypervisor(Hypervisor hypervisor, String why, String limit) {
    /** A hypervisor that users can name, and what it is when it is missing. */
    private enum Known {
        KVM("kvm", "microvm-core", "dev.microvm.core", "dev.microvm.kvm.KvmHypervisor"),
        ENGINE("engine", "microvm-engine", "dev.microvm.engine", "dev.microvm.engine.EngineHypervisor");

        private final String name;
        private final String artifact;
        private final String module;
        private final String className;

        Known(String name, String artifact, String module, String className) {
            this.name = name;
            this.artifact = artifact;
            this.module = module;
            this.className = className;
        }

        Optional<Hypervisor> find(List<Hypervisor> installed) {
            return installed.stream().filter(each -> each.name().equals(name)).findFirst();
        }

        String missing(Function<String, Packaging> packaging) {
            return packaging.apply(className).missing(artifact, module);
        }
    }

    /**
     * Selects the hypervisor of a choice.
     *
     * @throws HypervisorException with reason and remedy, if it is not available
     */
    public static SelectedHypervisor select(HypervisorChoice choice, List<Hypervisor> installed) {
        return select(choice, installed, Packaging::of);
    }

    /** The same for a program that carries the classes of hypervisors so. */
    static SelectedHypervisor select(
            HypervisorChoice choice, List<Hypervisor> installed, Function<String, Packaging> packaging) {
        return switch (choice) {
            case KVM -> named(Known.KVM, installed, packaging);
            case ENGINE -> named(Known.ENGINE, installed, packaging);
            case AUTO -> automatic(installed, packaging);
        };
    }

    private static SelectedHypervisor named(
            Known known, List<Hypervisor> installed, Function<String, Packaging> packaging) {
        Hypervisor found = known.find(installed).orElseThrow(() -> new HypervisorException(known.missing(packaging)));
        Probe probe = found.probe();
        if (!probe.usable()) throw new HypervisorException(probe.explanation());
        String why = known + " was asked for";
        return probe.runsKernels()
                ? new SelectedHypervisor(found, why, "")
                : new SelectedHypervisor(found, why + ", although " + probe.explanation(), probe.explanation());
    }

    private static SelectedHypervisor automatic(List<Hypervisor> installed, Function<String, Packaging> packaging) {
        Optional<Hypervisor> kvm = Known.KVM.find(installed);
        Probe probe = probe(Known.KVM, kvm, packaging);
        if (kvm.isPresent() && probe.runsKernels()) {
            return new SelectedHypervisor(kvm.get(), "KVM runs any guest on this host", "");
        }
        Optional<Hypervisor> engine = Known.ENGINE.find(installed);
        Probe other = probe(Known.ENGINE, engine, packaging);
        if (engine.isPresent() && other.runsKernels()) {
            return new SelectedHypervisor(engine.get(), "the Java engine, because " + probe.explanation(), "");
        }
        throw new HypervisorException(neither(probe, other));
    }

    private static Probe probe(Known known, Optional<Hypervisor> found, Function<String, Packaging> packaging) {
        return found.map(Hypervisor::probe)
                .orElseGet(() -> new Probe(Probe.Support.NONE, known.missing(packaging), ""));
    }

    private static String neither(Probe kvm, Probe engine) {
        if (kvm.equals(engine)) return kvm.explanation(); // what this JVM denies to both
        String smallGuests = kvm.usable() ? "; a small guest may run with hypervisor(KVM)" : "";
        return "neither KVM nor the Java engine can run an ordinary kernel here: KVM: %s; engine: %s%s"
                .formatted(kvm.explanation(), engine.explanation(), smallGuests);
    }
}
