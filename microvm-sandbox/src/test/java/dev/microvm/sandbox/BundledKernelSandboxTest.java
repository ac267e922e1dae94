package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.Kernels;
import dev.microvm.MicroVm;
import dev.microvm.MicroVmConfigException;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.root.PreparedRoot;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A sandbox on the bundled kernel, which needs no modules. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(300)
final class BundledKernelSandboxTest {
    @TempDir
    private Path folder;

    @Test
    void runsCommands_andTellsWhyOneEnded() throws IOException {
        try (Sandbox sandbox = Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(GuestFiles.bundledKernel())
                .root(Root.directory(AgentGuest.tree(folder)))
                .startTimeout(Duration.ofMinutes(3))
                .start()) {
            assertThat(sandbox.exec("sh", "-c", "echo new > /etc/file; cat /etc/file")
                            .stdout())
                    .isEqualTo("new\n");
            Command greedy = Command.shell("dd if=/dev/zero of=/tmp/file bs=1M count=60");
            Limits limits = Limits.NONE.memoryMiB(16).wallTime(Duration.ofMinutes(2));
            assertThat(sandbox.run(greedy, limits).end()).isEqualTo(RunResult.End.OOM);
        }
    }

    @Test
    void tellsHowFarTheStartIs_andWhyACommandDoesNotStart() throws IOException {
        List<String> steps = new ArrayList<>();
        StartListener listener = new StartListener() {
            @Override
            public void rootPrepared(PreparedRoot root) {
                steps.add("root " + root.kind());
            }

            @Override
            public void machineBuilt(MicroVm vm) {
                steps.add("built " + vm.state() + " on " + vm.hypervisor());
            }

            @Override
            public void machineStarted(MicroVm vm) {
                steps.add("started " + vm.state());
            }

            @Override
            public void agentAnswered(Agent agent) {
                steps.add("agent " + agent.exec("true").exitCode());
            }
        };
        try (Sandbox sandbox = Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(GuestFiles.bundledKernel())
                .root(Root.directory(AgentGuest.tree(folder)))
                .startTimeout(Duration.ofMinutes(3))
                .listener(listener)
                .start()) {
            String hypervisor = TestMachine.onEngine() ? "engine" : "kvm";
            assertThat(steps)
                    .containsExactly("root LAYERED", "built NEW on " + hypervisor, "started RUNNING", "agent 0");
            assertThat(sandbox.machine().hypervisorReason()).contains("was asked for");
            assertThatExceptionOfType(CommandStartException.class)
                    .isThrownBy(() -> sandbox.exec("no-such-program"))
                    .matches(CommandStartException::notFound);
            assertThatExceptionOfType(CommandStartException.class)
                    .isThrownBy(() -> sandbox.exec("/etc"))
                    .matches(refused -> !refused.notFound());
            assertThatExceptionOfType(CommandStartException.class)
                    .isThrownBy(() -> sandbox.exec(Command.of("true").directory("/no/such")))
                    .withMessage("the command 'true': its directory '/no/such': No such file or directory")
                    .matches(refused -> !refused.notFound());
            assertThatExceptionOfType(CommandStartException.class)
                    .isThrownBy(() -> sandbox.exec(Command.of("true").user("nobody-here")))
                    .withMessage("the command 'true': its user 'nobody-here': the guest has no such user or group");
        }
    }

    @Test
    void isTheDefault_soItsAbsenceIsSaid() throws IOException {
        Path tree = AgentGuest.tree(folder);
        assertThat(Kernels.findBundled()).as("on the class path of these tests").isEmpty();
        assertThatExceptionOfType(MicroVmConfigException.class)
                .isThrownBy(() -> Sandbox.builder().root(Root.directory(tree)).start())
                .withMessageContaining("dev.microvm:microvm-kernel");
    }
}
