package dev.microvm.cli.doctor;

import dev.microvm.cli.json.JsonText;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm doctor}: what this host can do, what is missing, and how to mend it. */
@Command(
        name = "doctor",
        description = "Says what this host can do, what is missing, and how to mend it.",
        mixinStandardHelpOptions = true,
        footer = {"", "Exits with 1 if this host runs no ordinary kernel in any way."})
public final class DoctorCommand implements Callable<Integer> {
    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    @Override
    public Integer call() {
        Host host = Host.look();
        Diagnosis diagnosis = Diagnosis.of(host);
        boolean works = Diagnosis.runsKernels(host);
        if (json) printJson(diagnosis, works);
        else print(diagnosis, works, System.out);
        return works ? 0 : 1;
    }

    static void print(Diagnosis diagnosis, boolean works, PrintStream out) {
        for (Finding each : diagnosis.findings()) {
            out.printf("%-8s %-8s %s%n", each.status().name().toLowerCase(Locale.ROOT), each.topic(), each.text());
            if (!each.remedy().isEmpty()) out.printf("%-17s %s%n", "", "-> " + each.remedy());
        }
        out.println(works ? "this host runs ordinary kernels" : "this host runs no ordinary kernel");
    }

    private static void printJson(Diagnosis diagnosis, boolean works) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("runsKernels", works);
        all.put("findings", diagnosis.findings().stream().map(Finding::toMap).toList());
        System.out.println(JsonText.of(all));
    }
}
