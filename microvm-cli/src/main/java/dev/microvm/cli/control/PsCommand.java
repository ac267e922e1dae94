package dev.microvm.cli.control;

import dev.microvm.cli.json.JsonText;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm ps}: the machines of this user. */
@Command(name = "ps", description = "Lists the machines that run.", mixinStandardHelpOptions = true)
public final class PsCommand implements Callable<Integer> {
    private static final String ROW = "%-20s %8s %-8s %-10s %8s %5s %8s  %s%n";

    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    @Option(
            names = {"-q", "--quiet"},
            description = "Prints names only.")
    private boolean quiet;

    @Override
    public Integer call() throws IOException {
        List<MachineInfo> machines = Machines.running();
        if (json) {
            System.out.println(
                    JsonText.of(machines.stream().map(MachineInfo::toMap).toList()));
        } else if (quiet) {
            machines.forEach(each -> System.out.println(each.name()));
        } else {
            System.out.printf(ROW, "NAME", "PID", "STATE", "HYPERVISOR", "MEMORY", "VCPUS", "AGE", "COMMAND");
            machines.forEach(PsCommand::print);
        }
        return 0;
    }

    private static void print(MachineInfo machine) {
        System.out.printf(
                ROW,
                machine.name(),
                machine.pid(),
                machine.state(),
                machine.hypervisor(),
                machine.memoryMiB() + "m",
                machine.vcpus(),
                age(Duration.between(machine.started(), Instant.now())),
                machine.command().isEmpty() ? machine.root() : machine.command());
    }

    static String age(Duration since) {
        if (since.toDays() > 0) return since.toDays() + "d";
        if (since.toHours() > 0) return since.toHours() + "h";
        return since.toMinutes() > 0 ? since.toMinutes() + "m" : Math.max(0, since.toSeconds()) + "s";
    }
}
