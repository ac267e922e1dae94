package dev.microvm.junit;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.model.HypervisorChoice;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Says whether this host can run guests. */
final class Availability {
    private Availability() {}

    /** Returns why no guest can run here, with remedies; "" if one can. */
    static String problem() {
        HypervisorChoice choice = HypervisorChoice.ofProperty();
        List<Hypervisor> chosen = Hypervisor.installed().stream()
                .filter(each -> choice == HypervisorChoice.AUTO
                        || each.name().equals(choice.name().toLowerCase(Locale.ROOT)))
                .toList();
        if (chosen.isEmpty()) return "there is no hypervisor for microvm.hypervisor=" + choice;
        if (chosen.stream().anyMatch(each -> each.probe().runsKernels())) return "";
        return chosen.stream()
                .map(each -> each.name() + ": " + each.probe().explanation())
                .collect(Collectors.joining("; "));
    }
}
