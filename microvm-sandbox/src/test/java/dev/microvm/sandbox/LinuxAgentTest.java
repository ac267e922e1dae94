package dev.microvm.sandbox;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.MicroVm;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Commands in Debian's kernel with the agent as init. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxAgentTest {
    private static final Duration SOON = Duration.ofMinutes(2);

    @SuppressWarnings("NullAway.Init") // set by start
    private MicroVm vm;

    @SuppressWarnings("NullAway.Init")
    private Agent agent;

    @BeforeAll
    void start(@TempDir Path folder) {
        vm = AgentGuest.machine(folder).start();
        agent = Agent.connect(vm, SOON);
    }

    @AfterAll
    void end() {
        vm.close();
    }

    @Test
    void returnsExitCodeAndOutputs() {
        assertThat(agent.exec("echo", "hello", "a  b")).isEqualTo(new ExecResult(0, "hello a  b\n", ""));
        assertThat(agent.exec(Command.shell("echo out; echo err >&2; exit 7")))
                .isEqualTo(new ExecResult(7, "out\n", "err\n"));
        assertThat(agent.exec(Command.shell("kill -KILL $$")).exitCode()).isEqualTo(137);
    }

    @Test
    void passesDirectoryEnvironmentUserAndInput() {
        Command command = Command.shell("pwd; echo $A-$HOME; id -u; id -g; cat")
                .directory("/tmp")
                .environment("A", "b c")
                .user("1000:50")
                .input("typed\n");

        assertThat(agent.exec(command).stdout()).isEqualTo("/tmp\nb c-/\n1000\n50\ntyped\n");
    }

    @Test
    void saysWhyACommandCannotBeStarted() {
        assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> agent.exec("no-such-program"))
                .withMessage("the command 'no-such-program': the guest has no such program, or not its interpreter");
        assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> agent.exec(Command.of("ls").directory("/none")))
                .withMessage("the command 'ls': its directory '/none': No such file or directory");
        assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> agent.exec(Command.of("ls").user("nobody-here")))
                .withMessage("the command 'ls': its user 'nobody-here': the guest has no such user or group");
    }

    @Test
    void killsTheWholeTree_whenTheTimeIsOver() {
        Command command = Command.shell("trap '' TERM; sleep 1234 & (sleep 1234 &) ; echo begun; wait; sleep 1234")
                .timeout(Duration.ofMillis(500));

        assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> agent.exec(command))
                .withMessageContaining("did not end within 500 ms")
                .withMessageContaining("begun");

        assertThat(agent.exec("pidof", "sleep").exitCode()).isEqualTo(1);
    }

    @Test
    void streamsBothWays_withBackpressure() throws Exception {
        GuestProcess process = agent.start("cat");
        byte[] line = "0123456789abcdef".repeat(4096).getBytes(UTF_8);
        Thread writer = Thread.ofVirtual().start(() -> {
            try (OutputStream stdin = process.getOutputStream()) {
                for (int i = 0; i < 64; i++) stdin.write(line);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });

        byte[] all = process.getInputStream().readAllBytes();

        writer.join();
        assertThat(all).hasSize(64 * line.length).startsWith(line).endsWith(line);
        assertThat(process.waitFor()).isZero();
    }

    @Test
    void waits_whileNobodyReads() throws Exception {
        GuestProcess process = agent.start("yes");
        byte[] some = process.getInputStream().readNBytes(500_000);

        process.destroyForcibly();

        assertThat(some).startsWith("y\ny\n".getBytes(UTF_8));
        assertThat(process.waitFor()).isEqualTo(137);
        assertThat(process.end(SOON).signal()).hasValue(9);
    }

    @Test
    void refusesOutputBeyondTheLimit() {
        assertThatExceptionOfType(SandboxException.class)
                .isThrownBy(() -> agent.exec(Command.of("yes").outputLimit(100_000)))
                .withMessageContaining("printed more than 100000 bytes");
    }

    @Test
    void leavesDaemonsBehind_unlessTold() {
        assertThat(agent.exec(Command.shell("sleep 4321 & echo $!")).exitCode()).isZero();
        assertThat(agent.exec("pidof", "sleep").exitCode()).isZero();
        agent.exec("killall", "sleep");

        agent.exec(Command.shell("sleep 4321 & echo $!").killingLeftovers());
        assertThat(agent.exec("pidof", "sleep").exitCode()).isEqualTo(1);
    }

    @Test
    void runsOnATerminal_thatCanBeResized() throws Exception {
        GuestProcess process = agent.start(
                Command.shell("tty; stty size; read x; stty size; echo got $x").terminal(100, 30));
        OutputStream keys = process.getOutputStream();
        StringBuilder seen = new StringBuilder();
        while (!seen.toString().contains("30 100"))
            seen.append((char) process.getInputStream().read());

        process.resize(80, 25);
        keys.write("word\n".getBytes(UTF_8));
        keys.flush();
        String rest = new String(process.getInputStream().readAllBytes(), UTF_8);

        assertThat(seen.toString()).startsWith("/dev/pts/");
        assertThat(rest).contains("25 80").contains("got word");
        assertThat(process.waitFor()).isZero();
    }

    @Test
    void endsTheInput_ofACommandOnATerminal() {
        assertThat(agent.exec(Command.shell("tty; cat").terminal(80, 25)).stdout())
                .startsWith("/dev/pts/");
    }

    @Test
    void seesAUserThatWasAddedMeanwhile() {
        agent.exec(Command.shell("mkdir -p /etc; echo one:x:1234:50::/:/bin/sh > /etc/passwd"));
        assertThat(agent.exec(Command.of("id", "-u").user("one")).stdout()).isEqualTo("1234\n");
        agent.exec(Command.shell("echo one:x:1235:50::/:/bin/sh > /etc/passwd"));
        assertThat(agent.exec(Command.of("id", "-u").user("one")).stdout()).isEqualTo("1235\n");
        agent.exec("rm", "/etc/passwd");
    }

    @Test
    void runsManyInARow_andFiftyAtOnce() throws Exception {
        int many = Integer.getInteger("microvm.execs", 200);
        for (int i = 0; i < many; i++) {
            assertThat(agent.exec("echo", "number " + i).stdout()).isEqualTo("number " + i + "\n");
        }
        List<Callable<String>> tasks = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            String number = Integer.toString(i);
            tasks.add(() -> agent.exec(Command.of("cat").input(number)).stdout());
        }
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<String>> results = threads.invokeAll(tasks);
            for (int i = 0; i < 50; i++)
                assertThat(results.get(i).get(2, TimeUnit.MINUTES)).isEqualTo("" + i);
        }
        String groups =
                agent.exec(Command.shell("ls -d /sys/fs/cgroup/exec-* | wc -l")).stdout();
        assertThat(Integer.parseInt(groups.strip()))
                .as("groups of the connections that wait, and of the spare process")
                .isBetween(1, 9);
    }
}
