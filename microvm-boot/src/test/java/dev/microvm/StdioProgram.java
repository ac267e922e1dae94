package dev.microvm;

import dev.microvm.error.MicroVmException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What {@link StdioGuestTest} starts on a terminal: a machine with {@link Serial#stdio}, which says how the terminal is.
 * Arguments: a folder to work in, and the command line of the {@link TinyKernel}.
 */
final class StdioProgram {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private StdioProgram() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        Path folder = Path.of(args[0]);
        try (MicroVm vm = TinyKernel.on(folder, args[1])
                .name("first")
                .serial(Serial.stdio())
                .start()) {
            terminal("during");
            if (args[1].equals("spin")) {
                try (MicroVm second =
                        TinyKernel.on(folder, "spin").serial(Serial.stdio()).build()) {
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
                TinyKernel.on(folder, "exit").serial(Serial.stdio()).start()) {
            again.awaitExit(LIMIT);
        }
    }

    private static void terminal(String when) throws IOException, InterruptedException {
        System.out.println(when + ":");
        new ProcessBuilder("stty", "-a").inheritIO().start().waitFor();
    }
}
