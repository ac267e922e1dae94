package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.PlannedMachine;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.model.Irqchip;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedMap;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The states of all devices of a machine whose Linux uses them, taken over by the devices of
 * another machine.
 */
@Lanes.Kernels
@Timeout(600)
final class LinuxMachineStateTest {
    private static final int DATA = 1 << 20;

    @TempDir
    private Path folder;

    private MachinePlan plan() throws IOException {
        Path source = Files.write(folder.resolve("source"), TestServers.data(DATA, 1));
        Path below = Files.write(folder.resolve("below"), new byte[DATA]);
        return PlannedMachine.of(TestMachine.builder(Irqchip.SPLIT)
                        .kernel(LinuxGuest.kernel(folder))
                        .initrd(LinuxGuest.build(
                                LinuxGuest.files(
                                        "virtio_mmio",
                                        "virtio_blk",
                                        "virtio_net",
                                        "virtio_console",
                                        "virtio_rng",
                                        "virtio_balloon",
                                        "vmw_vsock_virtio_transport"),
                                LinuxGuest.DIALOGUE))
                        .vcpus(2)
                        .memoryMiB(256)
                        .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k")
                        .virtioBlk(DiskImage.raw(source).readOnly())
                        .virtioBlk(VirtioBlkOptions.of(DiskImage.raw(below).overlay())
                                .queues(2))
                        .virtioNet(UserNetwork.builder()
                                .network("10.0.2.0/24")
                                .policy(NetPolicy.ALL)
                                .build())
                        .virtioConsole("agent")
                        .virtioRng(new SplittableRandom(1))
                        .virtioBalloon()
                        .virtioVsock(3))
                .plan();
    }

    @Test
    void isTheSame_whenItIsSavedAgain() throws Exception {
        MachinePlan plan = plan();
        SequencedMap<String, DeviceState> states;
        try (SavedMachine machine = SavedMachine.started(plan)) {
            machine.awaitText("ready");
            machine.run("until [ -b /dev/vdb -a -c /dev/vport3p1 -a -d /sys/class/net/eth0 ]; do sleep 0.1; done");
            machine.run("ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up");
            machine.run("ping -c 1 10.0.2.2 > /dev/null; head -c 16 /dev/hwrng > /dev/null; echo > /dev/hvc0");
            machine.run("while dd if=/dev/vda of=/dev/vdb bs=64k conv=fsync 2> /dev/null; do echo >> /copies; done &");
            machine.run("until [ -s /copies ]; do sleep 0.1; done");
            states = machine.pauseAndSave();

            assertThat(states.keySet()).containsExactlyInAnyOrderElementsOf(SavedMachine.deviceNames(plan));
            machine.resume();
            machine.run("until [ $(wc -l < /copies) -gt 3 ]; do sleep 0.1; done");
        }
        SavedMachine.assertTakesOver(plan, states);
    }
}
