package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.ExecResult;
import dev.microvm.sandbox.SandboxException;
import dev.microvm.sandbox.root.Root;
import java.nio.file.Path;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;

/** What can be said of a guest that does not run. */
final class GuestVmTest {
    private final GuestVm guest = GuestVm.of(Root.directory(Path.of("nowhere")));

    @Test
    void saysThatItDoesNotRun() {
        guest.withName("web");

        assertThatIllegalStateException()
                .isThrownBy(() -> guest.exec("true"))
                .withMessage("guest web is not running: start it first");
        assertThat(guest.isRunning()).isFalse();
        assertThat(guest.consoleText()).isEmpty();
        assertThat(GuestReport.of(guest)).hasMessage("guest web: not started").hasNoSuppressedExceptions();
    }

    @Test
    void stopsWithoutEffect_whenItDoesNotRun() {
        guest.stop();
        guest.close();

        assertThat(guest.isRunning()).isFalse();
    }

    @Test
    void makesItsNameOneOfAMachine() {
        assertThat(guest.withName("größe$" + "x".repeat(50)).name())
                .isEqualTo("gr__e_" + "x".repeat(34))
                .hasSize(40);
    }

    @Test
    void keepsTheLastCommands() {
        CommandLog commands = guest.commands();
        for (int i = 0; i < 12; i++) {
            ExecResult result = new ExecResult(i, "", "x".repeat(1000) + i);
            commands.run(Command.of("c" + i), () -> result);
        }

        assertThat(commands.entries()).hasSize(10);
        assertThat(commands.entries().getFirst()).startsWith("c2: exit code 2, ");
        assertThat(commands.entries().getLast()).endsWith("x11").hasSizeLessThan(500);
    }

    @Test
    void keepsACommandThatFailed() {
        Assertions.assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> guest.commands().run(Command.of("c"), () -> {
                    throw new SandboxException("the guest ended");
                }));

        assertThat(guest.commands().entries()).singleElement().asString().startsWith("c: the guest ended, ");
    }
}
