package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Feature;
import dev.microvm.testing.Lanes;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Ways to start the agent in Debian's kernel, and ways to lose it. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(600)
final class LinuxAgentStartTest {
    private static final Duration SOON = Duration.ofMinutes(2);

    @TempDir
    private Path folder;

    @Test
    void printsOnTheVirtioConsole_whoseDriverIsAModule() {
        try (MicroVm vm = AgentGuest.machine(folder)
                .initrd(AgentGuest.init("virtio_console").build())
                .pic(Feature.OFF)
                .pit(Feature.OFF)
                .rtc(Feature.OFF)
                .isaSerial(Feature.OFF)
                .cmdline("console=hvc0 quiet cryptomgr.notests reboot=k")
                .virtioConsole()
                .start()) {
            vm.console().awaitText("agent: ready", SOON);

            assertThat(Agent.connect(vm, SOON).exec("echo", "hello").stdout()).isEqualTo("hello\n");
        }
    }

    @Test
    void saysWhyItCannotContinue() {
        AgentInit init = AgentGuest.init("virtio_blk").root("/dev/vdz", "ext4");

        try (MicroVm vm = AgentGuest.machine(folder).initrd(init.build()).start()) {
            vm.console().awaitText("agent: there is no disk /dev/vdz", SOON);
            vm.console().awaitText("agent: the guest cannot go on and is turned off", SOON);
            vm.awaitExit(SOON);

            assertThatExceptionOfType(SandboxException.class)
                    .isThrownBy(() -> Agent.connect(vm, Duration.ofSeconds(5)))
                    .withMessageContaining("ended")
                    .withMessageContaining("there is no disk /dev/vdz");
        }
    }

    @Test
    void servesOverAPortOfTheConsole_beyondAKernelWithoutSockets() throws Exception {
        Initramfs initramfs = LinuxGuest.build(
                LinuxGuest.files("virtio_mmio", "virtio_console").file("/sbin/agent", AgentInit.program(), 0755),
                "/sbin/agent &\n" + LinuxGuest.DIALOGUE);
        try (MicroVm vm = TestMachine.builder()
                .kernel(LinuxGuest.kernel(folder))
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k panic=-1")
                .virtioConsole(Agent.CONSOLE_PORT)
                .start()) {
            Agent agent = Agent.connect(vm, SOON);
            assertThat(agent.exec("echo", "hello").stdout()).isEqualTo("hello\n");
            GuestProcess process = agent.start("sleep", "1000");

            vm.console().type("killall -9 agent\n");

            assertThatExceptionOfType(SandboxException.class)
                    .isThrownBy(process::waitFor)
                    .withMessageContaining("agent has ended");
            vm.console().type("/sbin/agent &\n");
            assertThat(agent.exec("echo", "again").stdout()).isEqualTo("again\n");
        }
    }

    @Test
    void servesBesideAnotherInit_andIsMissedWhenItIsKilled() throws Exception {
        Initramfs initramfs = LinuxGuest.build(
                LinuxGuest.files("virtio_mmio", "vmw_vsock_virtio_transport")
                        .file("/sbin/agent", AgentInit.program(), 0755),
                "/sbin/agent &\n" + LinuxGuest.DIALOGUE);
        try (MicroVm vm = AgentGuest.machine(folder).initrd(initramfs).start()) {
            Agent agent = Agent.connect(vm, SOON);
            assertThat(agent.exec("echo", "hello").stdout()).isEqualTo("hello\n");
            Limits shortly = Limits.NONE.wallTime(Duration.ofMillis(300));
            RunResult tree = agent.run(Command.shell("sleep 1000 & (sleep 1000 &); sleep 1000"), shortly);
            assertThat(tree.end()).isEqualTo(RunResult.End.WALL_LIMIT); // without control groups
            assertThat(agent.exec("pidof", "sleep").exitCode()).isEqualTo(1);
            GuestProcess process = agent.start("sleep", "1000");

            vm.console().type("killall -9 agent\n");

            assertThatExceptionOfType(SandboxException.class)
                    .isThrownBy(process::waitFor)
                    .withMessageContaining("sleep 1000");
            assertThatExceptionOfType(SandboxException.class)
                    .isThrownBy(() -> agent.exec("true"))
                    .withMessageContaining("refused");
        }
    }
}
