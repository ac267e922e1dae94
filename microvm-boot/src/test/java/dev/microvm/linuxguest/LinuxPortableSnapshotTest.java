package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.Snapshot;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.boot.testing.PortableMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Linux at work that boots on the engine, continues on KVM, and returns. */
@Lanes.Lab
@Timeout(900)
final class LinuxPortableSnapshotTest {
    @TempDir
    private Path folder;

    private int snapshots;

    private MicroVm moved(MicroVm vm, HypervisorChoice to) {
        Snapshot snapshot = vm.snapshot(folder.resolve("snapshot" + snapshots++));
        vm.close();
        return snapshot.restore().hypervisor(to).start();
    }

    @Test
    void continuesItsWorkOnKvm_andBackOnTheEngine() throws Exception {
        LinuxAtWork linux = LinuxAtWork.bundled();
        Path source = Files.write(folder.resolve("source"), linux.data());
        Path written = Files.write(folder.resolve("written"), new byte[LinuxAtWork.DATA]);
        try (TestServers.Tcp server = TestServers.Tcp.http(linux.data())) {
            MicroVm vm = LinuxAtWork.ready(PortableMachine.of(linux.guest(1, 256), HypervisorChoice.ENGINE)
                    .tscKhz(PortableMachine.hostKhz())
                    .virtioBlk(DiskImage.raw(source).readOnly())
                    .virtioBlk(DiskImage.raw(written).overlay())
                    .virtioNet(LinuxAtWork.network())
                    .virtioRng());
            try {
                linux.startWork(vm, server);

                vm = moved(vm, HypervisorChoice.KVM);

                assertThat(vm.hypervisor()).isEqualTo("kvm");
                LinuxAtWork.awaitWork(vm);
                LinuxAtWork.assertQuiet(vm);
                LinuxAtWork.endWork(vm);
                ask(vm, "[ ! -e /copy.failed ]");

                vm = moved(vm, HypervisorChoice.ENGINE); // too slow for that work in an emulated machine

                assertThat(vm.hypervisor()).isEqualTo("engine");
                ask(vm, "sleep 0.1; sha256sum < /dev/vdb | grep -q " + linux.hash());
            } finally {
                vm.close();
            }
        }
    }
}
