package dev.microvm.cli.run;

import dev.microvm.cli.CliException;
import dev.microvm.cli.Progress;
import dev.microvm.cli.attach.CommandOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code microvm run}: a command in a guest with a root, or a guest with its console. */
@Command(
        name = "run",
        description = "Runs a command in a new machine (--root, --image), or a guest with its console here.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = {
            "",
            "With --root or --image the command's output, input (-i) and exit code are",
            "those of this program. Otherwise the guest's console is: Ctrl-A x stops the",
            "guest, Ctrl-A Ctrl-A types a Ctrl-A.",
            "",
            "Exit codes: the command's own, or the guest's (its exit port); 128 and a",
            "signal's number; 124: its time is over; 125: this program failed; 126: the",
            "command cannot be executed; 127: there is no such command.",
            "",
            "Examples:",
            "  microvm run --root rootfs -- uname -a",
            "  microvm run --image registry.example.org/debian:12 -it -- sh",
            "  microvm run --kernel vmlinuz --initrd initrd.img"
        })
public final class RunCommand implements Callable<Integer> {
    @Spec
    void stopAtCommand(CommandSpec spec) {
        spec.parser().stopAtPositional(true); // the rest is the guest's command, options included
    }

    @Mixin
    private MachineOptions machine = new MachineOptions();

    @Mixin
    private GuestOptions guest = new GuestOptions();

    @Mixin
    private CommandOptions command = new CommandOptions();

    @Option(names = "--entrypoint", paramLabel = "PROGRAM", description = "Replaces the image's entry point.")
    @Nullable
    private String entrypoint;

    @Option(
            names = {"-d", "--detach"},
            description = "Runs in the background, and prints the machine's name when the command runs.")
    private boolean detach;

    @Option(names = "--rm", hidden = true, description = "Always so; for those who are used to typing it.")
    @SuppressWarnings("UnusedVariable")
    private boolean remove;

    @Option(
            names = {"-q", "--quiet"},
            description = "Does not say which hypervisor runs the machine.")
    private boolean quiet;

    @Option(
            names = "--progress",
            paramLabel = "auto|always|never",
            description = "Whether to show what takes its time. Default: on a terminal.")
    private Progress.When progress = Progress.When.AUTO;

    @Option(
            names = "--timeline",
            paramLabel = "FILE.svg",
            description = "Draws where the time to the first command goes. The kernel prints more, which takes time.")
    private @Nullable Path timeline;

    @Parameters(
            paramLabel = "[--] COMMAND",
            arity = "0..*",
            description = "The command and its arguments. Default: the image's.")
    private List<String> words = new ArrayList<>();

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (timeline != null) checkTimeline(timeline);
        if (detach && Detached.name().isEmpty()) return Detached.start(machine.name());
        try (Progress shown = Progress.of(quiet ? Progress.When.NEVER : progress)) {
            RunReport report = new RunReport(shown, quiet, timeline);
            if (guest.hasRoot()) {
                return new SandboxRun(machine, guest, command, report).run(words, entrypoint);
            }
            if (!words.isEmpty()) {
                throw new CliException(
                        "the command '%s' needs a root".formatted(String.join(" ", words)),
                        "add --root or --image; without them the guest's console is shown");
            }
            return new ConsoleRun(machine, report).run();
        }
    }

    private static void checkTimeline(Path file) {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null && Files.isDirectory(folder) && Files.isWritable(folder) && !Files.isDirectory(file)) return;
        throw new CliException(
                "--timeline: %s cannot be written".formatted(file), "name a file in a folder that exists");
    }
}
