package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.PlannedMachine;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.WatchedHypervisor;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Debian's kernel with a device of each kind on ordinary KVM, which handles doorbells and
 * interrupts by itself.
 */
@Lanes.Lab
@Timeout(600)
final class LinuxVirtioLabTest {
    private static final int MIB = 1024 * 1024;
    private static final long FIRST_DEVICE = 0xfeb0_0000L; // docs/virtio.md
    private static final int FIRST_GSI = 16;
    private static final int INTERRUPT_ACK = 0x64; // VIRTIO 1.2, 4.2.2

    private static final String[] MODULES = {"virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng"};

    /** The console's driver is a module, which init loads. */
    private static final String ON_ITS_CONSOLE = """
            until grep -q hvc0 /proc/consoles; do sleep 0.1; done
            exec < /dev/hvc0 > /dev/hvc0 2>&1
            """;

    /**
     * The number of queues of each device, in the order of the slots: two disks, network, console
     * with a port, entropy.
     */
    private static final int[] QUEUES = {1, 1, 3, 6, 1};

    @ParameterizedTest
    @EnumSource
    void movesData_withoutTheVcpusThread(Irqchip irqchip, @TempDir Path folder) throws Exception {
        byte[] content = TestServers.data(4 * MIB, 1);
        String hash = TestServers.sha256(content);
        Path source = Files.write(folder.resolve("source"), content);
        Path target = Files.write(folder.resolve("target"), new byte[content.length]);
        UserNetwork network = UserNetwork.builder().policy(NetPolicy.ALL).build();
        PlannedMachine planned = PlannedMachine.of(MicroVm.builder()
                .hypervisor(HypervisorChoice.KVM)
                .irqchip(irqchip)
                .kernel(LinuxGuest.kernel(folder))
                .initrd(LinuxGuest.build(LinuxGuest.files(MODULES), ON_ITS_CONSOLE + LinuxGuest.DIALOGUE))
                .memoryMiB(256)
                .cmdline("console=hvc0 quiet cryptomgr.notests reboot=k")
                .isaSerial(Feature.OFF)
                .virtioBlk(DiskImage.raw(source).readOnly())
                .virtioBlk(DiskImage.raw(target))
                .virtioNet(network)
                .virtioConsole("agent")
                .virtioRng());
        WatchedHypervisor kvm = new WatchedHypervisor(planned.hypervisor());

        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                MicroVm vm = planned.start(kvm)) {
            LinuxGuest.awaitReady(vm);
            ask(vm, "dd if=/dev/vda of=/dev/vdb bs=64k conv=fsync");
            ask(vm, "echo 3 > /proc/sys/vm/drop_caches");
            assertThat(ask(vm, "sha256sum /dev/vdb")).contains(hash);
            ask(vm, "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up");
            assertThat(ask(vm, "wget -q -O - http://10.0.2.2:" + server.port() + "/ | sha256sum"))
                    .contains(hash);
            assertThat(echo(vm, content)).isEqualTo(content);
            assertThat(ask(vm, "head -c 4096 /dev/hwrng | wc -c")).contains("4096");
        }

        assertThat(target).hasBinaryContent(content);
        for (int slot = 0; slot < QUEUES.length; slot++) {
            long registers = FIRST_DEVICE + (long) slot * VirtioMmio.RANGE;
            long notify = registers + VirtioMmio.NOTIFY_REGISTER;
            for (int queue = 0; queue < QUEUES[slot]; queue++) {
                assertThat(kvm.doorbells()).contains(Doorbell.mmio(notify, Integer.BYTES, queue));
            }
            assertThat(kvm.exitsByWrite(notify))
                    .as("exits by notifications, slot %d", slot)
                    .isZero();
            assertThat(kvm.exitsByWrite(registers + INTERRUPT_ACK))
                    .as("exits by acknowledgements, slot %d", slot)
                    .isPositive();
            assertThat(kvm.edges(FIRST_GSI + slot))
                    .as("edges by irqfd, slot %d", slot)
                    .isPositive();
            assertThat(kvm.otherLines()).doesNotContain(FIRST_GSI + slot);
        }
    }

    /** Returns what a program in the guest sends back for {@code sent}. */
    private static byte[] echo(MicroVm vm, byte[] sent) throws Exception {
        ask(vm, "until [ -c /dev/vport3p1 ]; do sleep 0.1; done; cat 0<>/dev/vport3p1 1>&0 &");
        try (InputStream output = vm.port("agent").output();
                ExecutorService writer = Executors.newSingleThreadExecutor()) {
            Future<?> written = writer.submit(() -> {
                vm.port("agent").input().write(sent);
                return null;
            });
            byte[] received = output.readNBytes(sent.length);
            written.get();
            return received;
        }
    }
}
