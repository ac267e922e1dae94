package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import dev.microvm.AwaitTimeoutException;
import dev.microvm.VmPool;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.RunResult.End;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs within limits on a root from a directory, with Debian's kernel. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxSandboxTest {
    private static final Limits LIMITS = Limits.NONE.wallTime(Duration.ofMinutes(2));

    @SuppressWarnings("NullAway.Init") // set by start
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private Sandbox sandbox;

    @BeforeAll
    void start(@TempDir Path temporary) throws IOException {
        folder = temporary;
        sandbox = builder().start();
    }

    @AfterAll
    void end() {
        sandbox.close();
    }

    private SandboxBuilder builder() throws IOException {
        Path tree = AgentGuest.tree(folder);
        String release = Files.readString(GuestFiles.file("cloud/release")).strip();
        Path vmlinux = folder.resolve("vmlinux");
        return Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(
                        Files.exists(vmlinux) ? vmlinux : LinuxGuest.kernel(folder),
                        GuestFiles.file("cloud/modules"),
                        release)
                .root(Root.directory(tree))
                .diskMiB(32)
                .startTimeout(Duration.ofMinutes(3));
    }

    @Test
    void runsOnARootWithAnOverlay() {
        assertThat(sandbox.exec("sh", "-c", "echo new > /etc/file; cat /etc/file; hostname"))
                .isEqualTo(new ExecResult(0, "new\nsandbox\n", ""));
        assertThat(folder.resolve("tree/etc/file")).doesNotExist();
    }

    @Test
    void tellsTheEndsApart() {
        RunResult exited = sandbox.run(Command.shell("echo hello; exit 137"), LIMITS);
        assertThat(exited.end()).isEqualTo(End.EXITED);
        assertThat(exited.exitCode()).isEqualTo(137);
        assertThat(exited.stdout()).isEqualTo("hello\n");
        assertThat(exited.peakMemory()).isPositive();

        assertEnd(End.SIGNAL, "kill -KILL $$", LIMITS);
        assertEnd(End.WALL_LIMIT, "trap '' TERM; sleep 1000", LIMITS.wallTime(Duration.ofMillis(300)));
        assertEnd(End.CPU_LIMIT, "while :; do :; done", LIMITS.cpuTime(Duration.ofMillis(200)));
        RunResult loud = assertEnd(End.OUTPUT_LIMIT, "yes", LIMITS.outputBytes(50_000));
        assertThat(loud.stdout()).hasSize(50_000);
        assertEnd(End.PROCESS_LIMIT, "f() { f | f & }; f; sleep 100", LIMITS.processes(20));
        assertEnd(End.OOM, "x=$(yes)", LIMITS.memoryMiB(16).outputBytes(1000));
        assertThat(sandbox.exec("pidof", "yes").exitCode()).isEqualTo(1);
    }

    private RunResult assertEnd(End end, String line, Limits limits) {
        RunResult result = sandbox.run(Command.shell(line), limits);
        assertThat(result.end()).as("%s: %s", line, result).isEqualTo(end);
        return result;
    }

    @Test
    void forksContinueWhereItWas_andDoNotSeeEachOther() {
        sandbox.exec("sh", "-c", "echo before > /mark; sleep 10000 &");
        try (VmPool<Sandbox> pool = VmPool.of(sandbox::fork, 2, 3);
                VmPool<Sandbox>.Lease one = pool.take(Duration.ofMinutes(2));
                VmPool<Sandbox>.Lease other = pool.take(Duration.ofMinutes(2))) {
            for (Sandbox each : List.of(one.get(), other.get())) {
                ExecResult seen = each.exec("sh", "-c", "cat /mark; pidof sleep > /dev/null && date +%s");
                assertThat(seen.stdout()).startsWith("before\n");
                long time = Long.parseLong(
                        seen.stdout().substring("before\n".length()).strip());
                assertThat(time).isCloseTo(Instant.now().getEpochSecond(), within(30L));
                each.exec("sh", "-c", "echo mine > /mark; killall sleep");
            }
            try (Sandbox third = one.get().fork()) {
                assertThat(third.exec("cat", "/mark").stdout()).isEqualTo("mine\n");
            }
            assertThat(sandbox.exec("sh", "-c", "cat /mark; killall sleep"))
                    .isEqualTo(new ExecResult(0, "before\n", ""));
        }
    }

    @Test
    void runsACommandOnInAFork_ifItIsDetached() {
        GuestProcess kept =
                sandbox.start(Command.shell("while true; do seq 1000; done").detached());
        GuestProcess killed = sandbox.start(Command.shell("sleep 4322"));
        try (Sandbox fork = sandbox.fork()) {
            String still = "kill -0 %d && ! kill -0 %d 2> /dev/null".formatted(kept.pid(), killed.pid());
            WaitFor.exec(Command.shell(still)).await(fork.agent(), Duration.ofMinutes(1));
            String writes = "cut -d ' ' -f 14 /proc/%d/stat".formatted(kept.pid()); // its time in user mode
            long before =
                    Long.parseLong(fork.exec(Command.shell(writes)).stdout().strip());
            WaitFor.exec(Command.shell("test $(%s) -gt %d".formatted(writes, before)))
                    .await(fork.agent(), Duration.ofMinutes(1)); // somebody reads what it prints
        } finally {
            kept.destroyForcibly();
            killed.destroyForcibly();
        }
    }

    @Test
    void saysThatTheDiskIsFull() {
        RunResult result = sandbox.run(Command.shell("dd if=/dev/zero of=/big bs=1M count=100; rm /big"), LIMITS);

        assertThat(result.stderr()).contains("No space left on device");
    }

    @Test
    void waitsForWhatMatters_andSaysWhatItSaw() {
        Agent agent = sandbox.agent();
        agent.start("sh", "-c", "mkdir /www; echo hi > /www/a; httpd -f -p 8090 -h /www");
        WaitFor.http(8090, "/a", 200).await(agent, Duration.ofMinutes(1));
        WaitFor.file("/www/a").await(agent, Duration.ofMinutes(1));
        WaitFor.exec(Command.of("true")).await(agent, Duration.ofMinutes(1));
        WaitFor.console("ready").await(agent, Duration.ofMinutes(1));

        assertThatExceptionOfType(AwaitTimeoutException.class)
                .isThrownBy(() -> WaitFor.http(8090, "/b", 200).await(agent, Duration.ofMillis(500)))
                .withMessageContaining("404");
        assertThatExceptionOfType(AwaitTimeoutException.class)
                .isThrownBy(
                        () -> WaitFor.exec(Command.shell("echo why; exit 3")).await(agent, Duration.ofMillis(500)))
                .withMessageContaining("exit code 3: why");
        agent.exec("killall", "httpd");
        GuestProcess silent = agent.start("nc", "-l", "-p", "8091");
        String listens = "cat /proc/net/tcp* | grep -q :1F9B"; // port 8091; a connection would be nc's only one
        WaitFor.exec(Command.shell(listens)).await(agent, Duration.ofMinutes(1));
        assertThatExceptionOfType(AwaitTimeoutException.class)
                .isThrownBy(() -> WaitFor.http(8091, "/", 200).await(agent, Duration.ofSeconds(2)))
                .withMessageContaining("without an answer");
        silent.destroyForcibly();
    }

    @Test
    void reportsACrash_withTheLastLines() throws IOException {
        try (Sandbox doomed = builder().start()) {
            RunResult result = doomed.run(
                    Command.shell("echo begun; echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger"), LIMITS);

            assertThat(result.end()).isEqualTo(End.CRASHED);
            assertThat(result.detail()).contains("ended").contains("last lines");
            assertThatExceptionOfType(SandboxException.class).isThrownBy(() -> doomed.exec("true"));
        }
    }

    @Test
    void continuesFromATemplate_thatIsMadeOnce(@TempDir Path templates) throws IOException {
        AtomicInteger prepared = new AtomicInteger();
        SandboxBuilder builder = builder()
                .name("continued")
                .network(NetworkPolicy.OUTBOUND)
                .template(templates, "marked", made -> {
                    prepared.incrementAndGet();
                    made.exec("sh", "-c", "echo prepared > /mark");
                });
        for (int i = 0; i < 2; i++) {
            try (Sandbox continued = builder.start();
                    Sandbox fork = continued.fork()) {
                assertThat(continued.machine().name()).isEqualTo("continued");
                assertThat(continued.exec("cat", "/mark").stdout()).isEqualTo("prepared\n");
                continued.exec("rm", "/mark");
                assertThat(fork.exec("cat", "/mark").stdout()).isEqualTo("prepared\n");
                String now = fork.exec("date", "+%s").stdout().strip();
                assertThat(Long.parseLong(now)).isCloseTo(Instant.now().getEpochSecond(), within(60L));
            }
        }
        assertThat(prepared).hasValue(1);
    }
}
