package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.Snapshot;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Debian's kernel, saved while it works, and continued by other machines. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxSnapshotTest {
    private static final int TIMES = Integer.getInteger("microvm.snapshots", 8);

    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private LinuxAtWork linux;

    @BeforeAll
    void prepareGuest() throws IOException {
        linux = new LinuxAtWork(folder, "virtio_mmio", "virtio_blk", "virtio_net", "virtio-rng", "virtio_balloon");
        Files.write(folder.resolve("source"), linux.data());
    }

    private MicroVmBuilder guest(int vcpus) {
        return linux.guest(vcpus, 256);
    }

    @Test
    void continuesItsWork_inOneMachineAfterTheOther() throws Exception {
        try (TestServers.Tcp server = TestServers.Tcp.http(linux.data())) {
            MicroVm vm = LinuxAtWork.ready(guest(2).virtioBlk(
                            DiskImage.raw(folder.resolve("source")).readOnly())
                    .virtioBlk(DiskImage.raw(Files.write(folder.resolve("written"), new byte[LinuxAtWork.DATA]))
                            .overlay())
                    .virtioNet(LinuxAtWork.network())
                    .virtioRng()
                    .virtioBalloon());
            try {
                linux.startWork(vm, server);
                for (int i = 0; i < TIMES; i++) {
                    Snapshot snapshot = vm.snapshot(folder.resolve("again" + i));
                    LinuxAtWork.assertQuiet(vm);
                    vm.close();
                    vm = snapshot.restore().start();
                    LinuxAtWork.awaitWork(vm);
                }
                LinuxAtWork.endWork(vm);
                ask(vm, "[ ! -e /copy.failed ]");
                LinuxAtWork.assertQuiet(vm);
            } finally {
                vm.close();
            }
        }
    }

    @Test
    void startsManyTimes_fromOneSnapshot() throws Exception {
        Path written = Files.write(folder.resolve("kept"), new byte[LinuxAtWork.DATA]);
        Snapshot snapshot;
        try (MicroVm vm =
                LinuxAtWork.ready(guest(1).virtioBlk(DiskImage.raw(written)).virtioNet(LinuxAtWork.network()))) {
            ask(vm, "echo before > /mark; echo disk | dd of=/dev/vda conv=fsync 2> /dev/null");
            vm.pause();
            snapshot = vm.snapshot(folder.resolve("many"));
        }
        byte[] disk = Files.readAllBytes(written);
        snapshot.verify();
        Snapshot opened = Snapshot.open(snapshot.folder());
        assertThat(opened.spec()).isEqualTo(snapshot.spec());
        try (MicroVm one = opened.restore().name("one").start();
                MicroVm other = opened.restore().name("other").start()) {
            ask(one, "grep -q before /mark && echo one > /mark; head -c 4 /dev/vda | grep -q disk");
            ask(other, "grep -q before /mark; head -c 4 /dev/vda | grep -q disk");
            ask(one, "echo mine | dd of=/dev/vda conv=fsync 2> /dev/null; grep -q one /mark");
            ask(other, "echo 3 > /proc/sys/vm/drop_caches; head -c 4 /dev/vda | grep -q disk");
            LinuxAtWork.assertQuiet(one);
        }
        assertThat(written).hasBinaryContent(disk);
        snapshot.verify();
    }

    @Test
    void itsTimeContinues_orIncludesTheTimeBetween() throws Exception {
        Snapshot snapshot;
        try (MicroVm vm = LinuxAtWork.ready(guest(2))) {
            snapshot = vm.snapshot(folder.resolve("time"));
        }
        TimeUnit.SECONDS.sleep(12); // that time passes is what is tried
        try (MicroVm same = snapshot.restore().start();
                MicroVm later = snapshot.restore().clock(ClockOnResume.CATCH_UP).start()) {
            double stood = Double.parseDouble(uptime(same));
            double passed = Double.parseDouble(uptime(later));
            assertThat(passed - stood).isBetween(9.0, 60.0);
            for (MicroVm vm : new MicroVm[] {same, later}) {
                ask(vm, "sleep 1");
                LinuxAtWork.assertQuiet(vm);
                long rtc = Long.parseLong(firstLine(ask(vm, "cat /sys/class/rtc/rtc0/since_epoch")));
                long now = System.currentTimeMillis() / 1000;
                assertThat(rtc).isBetween(now - 10, now + 1);
            }
        }
    }

    private static String uptime(MicroVm vm) {
        return firstLine(ask(vm, "cut -d' ' -f1 /proc/uptime"));
    }

    private static String firstLine(String text) {
        return text.strip().lines().findFirst().orElseThrow();
    }
}
