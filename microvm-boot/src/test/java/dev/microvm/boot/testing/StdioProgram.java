package dev.microvm.boot.testing;

import dev.microvm.ConsoleTarget;
import dev.microvm.MicroVm;
import dev.microvm.StdioGuestTest;
import dev.microvm.error.MicroVmException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What {@link StdioGuestTest} starts on a terminal: a machine with {@link ConsoleTarget#stdio},
 * which prints the terminal's settings. Arguments: a folder to work in, and the command line of the
 * {@link TinyKernel}.
 */
public final class StdioProgram {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private StdioProgram() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        Path folder = Path.of(args[0]);
        try (MicroVm vm = TinyKernel.on(folder, args[1])
                .name("first")
                .serial(ConsoleTarget.stdio())
                .start()) {
            terminal("during");
            if (args[1].equals("spin")) {
                try (MicroVm second = TinyKernel.on(folder, "spin")
                        .serial(ConsoleTarget.stdio())
                        .build()) {
                    second.start();
                } catch (MicroVmException e) {
                    System.out.println(e.getMessage());
                }
            }
            System.out.println("pid=" + ProcessHandle.current().pid() + ".");
            System.out.println(vm.awaitExit(LIMIT).reason() + "!");
            terminal("after the end");
        }
        try (MicroVm again =
                TinyKernel.on(folder, "exit").serial(ConsoleTarget.stdio()).start()) {
            again.awaitExit(LIMIT);
        }
    }

    private static void terminal(String when) throws IOException, InterruptedException {
        System.out.println(when + ":");
        new ProcessBuilder("stty", "-a").inheritIO().start().waitFor();
    }
}
