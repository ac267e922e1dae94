package dev.microvm.machine;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.Probe;
import dev.microvm.model.HypervisorChoice;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A hypervisor, and why it was selected.
 *
 * @param why the reason in words, for logs and {@code MicroVm.describe}
 */
public record SelectedHypervisor(Hypervisor hypervisor, String why) {
    private static final String KVM = "kvm";
    private static final String ENGINE = "engine";

    /**
     * Selects the hypervisor of a choice.
     *
     * @throws HypervisorException with reason and remedy, if it is not available
     */
    public static SelectedHypervisor select(HypervisorChoice choice, List<Hypervisor> installed) {
        return switch (choice) {
            case KVM -> named(KVM, installed);
            case ENGINE -> named(ENGINE, installed);
            case AUTO -> automatic(installed);
        };
    }

    private static SelectedHypervisor named(String name, List<Hypervisor> installed) {
        Hypervisor found = find(name, installed)
                .orElseThrow(
                        () -> new HypervisorException("no hypervisor \"%s\" is installed: add the module microvm-%s"
                                .formatted(name, name.equals(KVM) ? "core" : name)));
        Probe probe = found.probe();
        if (!probe.usable()) throw new HypervisorException(probe.explanation());
        String why = name.toUpperCase(Locale.ROOT) + " was asked for";
        return new SelectedHypervisor(found, probe.runsKernels() ? why : why + ", although " + probe.explanation());
    }

    private static SelectedHypervisor automatic(List<Hypervisor> installed) {
        Optional<Hypervisor> kvm = find(KVM, installed);
        Probe probe = kvm.map(Hypervisor::probe)
                .orElse(new Probe(Probe.Support.NONE, "KVM is not installed", "add the module microvm-core"));
        if (kvm.isPresent() && probe.runsKernels()) {
            return new SelectedHypervisor(kvm.get(), "KVM runs any guest on this host");
        }
        Optional<Hypervisor> engine = find(ENGINE, installed);
        Probe other = engine.map(Hypervisor::probe)
                .orElse(new Probe(
                        Probe.Support.NONE, "the Java engine is not installed", "add the module microvm-engine"));
        if (engine.isPresent() && other.runsKernels()) {
            return new SelectedHypervisor(engine.get(), "the Java engine, because " + probe.explanation());
        }
        throw new HypervisorException(neither(probe, other));
    }

    private static String neither(Probe kvm, Probe engine) {
        if (kvm.equals(engine)) return kvm.explanation(); // what this JVM denies to both
        String smallGuests = kvm.usable() ? "; a small guest may run with hypervisor(KVM)" : "";
        return "no installed hypervisor can run an ordinary kernel on this host: KVM: %s; engine: %s%s"
                .formatted(kvm.explanation(), engine.explanation(), smallGuests);
    }

    private static Optional<Hypervisor> find(String name, List<Hypervisor> installed) {
        return installed.stream().filter(h -> h.name().equals(name)).findFirst();
    }
}
