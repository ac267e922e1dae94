package dev.microvm.cli.run;

import dev.microvm.MicroVm;
import dev.microvm.cli.control.Machines;
import dev.microvm.cli.json.JsonText;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm describe}: a machine in words. */
@Command(
        name = "describe",
        description = "Describes a machine that runs, or the one that microvm run would make of these options.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class DescribeCommand implements Callable<Integer> {
    private static final int NAME_WIDTH = 18; // of a line of MicroVm.describe

    @Parameters(index = "0", arity = "0..1", paramLabel = "NAME", description = "A machine that runs: see microvm ps.")
    private @Nullable String running;

    @Mixin
    private MachineOptions machine = new MachineOptions();

    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        String text = running == null ? described() : Machines.describe(running);
        System.out.print(json ? JsonText.of(lines(text)) + "\n" : text);
        return 0;
    }

    private String described() {
        try (MicroVm vm = machine.machine().build()) {
            return vm.describe();
        }
    }

    /** Each line begins with a name, which may be there several times. */
    static List<Map<String, String>> lines(String text) {
        return text.lines()
                .map(line -> {
                    Map<String, String> parts = new LinkedHashMap<>();
                    int end = Math.min(NAME_WIDTH, line.length());
                    parts.put("name", line.substring(0, end).strip());
                    parts.put("value", line.substring(end).strip());
                    return parts;
                })
                .toList();
    }
}
