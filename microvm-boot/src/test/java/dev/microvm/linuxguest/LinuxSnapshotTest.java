package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.Snapshot;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
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
    private static final int DATA = 256 << 10;
    private static final int TIMES = 20;

    /** What the kernel says when something did not run for long, or its clock did not. */
    private static final Pattern COMPLAINTS = Pattern.compile(
            "detected stall|soft lockup|blocked for more than|Marking clocksource|timed out|WARNING|BUG");

    private final byte[] data = TestServers.data(DATA, 1);
    private final String hash = TestServers.sha256(data);

    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuest() throws IOException {
        kernel = LinuxGuest.kernel(folder);
        initramfs = LinuxGuest.build(
                LinuxGuest.files("virtio_mmio", "virtio_blk", "virtio_net", "virtio-rng", "virtio_balloon"),
                LinuxGuest.DIALOGUE);
        Files.write(folder.resolve("source"), data);
    }

    private MicroVmBuilder guest(int vcpus) {
        return TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .vcpus(vcpus)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k watchdog_thresh=5");
    }

    private static UserNetwork network() {
        return UserNetwork.builder()
                .network("10.0.2.0/24")
                .policy(NetPolicy.ALL)
                .build();
    }

    /** Nothing is wrong since init runs; a boot may warn of an emulated processor. */
    private static void assertQuiet(MicroVm vm) {
        String log = ask(vm, "dmesg");
        assertThat(log.substring(Math.max(0, log.indexOf("Run /init")))).doesNotContainPattern(COMPLAINTS);
    }

    @Test
    void continuesItsWork_inOneMachineAfterTheOther() throws Exception {
        try (TestServers.Tcp server = TestServers.Tcp.http(data)) {
            MicroVm vm = guest(2).virtioBlk(
                            DiskImage.raw(folder.resolve("source")).readOnly())
                    .virtioBlk(DiskImage.raw(Files.write(folder.resolve("written"), new byte[DATA]))
                            .overlay())
                    .virtioNet(network())
                    .virtioRng()
                    .virtioBalloon()
                    .start();
            try {
                LinuxGuest.awaitReady(vm);
                ask(vm, "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up");
                ask(vm, "copy() { dd if=/dev/vda of=/dev/vdb bs=16k conv=fsync 2> /dev/null; sha256sum < /dev/vdb; }");
                ask(vm, "get() { wget -q -O - http://10.0.2.2:%d/ | sha256sum; }".formatted(server.port()));
                ask(
                        vm,
                        "again() { until [ -e /stop ]; do $1 > /$1.last; grep -q %s /$1.last && echo >> /$1.done || echo >> /$1.failed; done; }"
                                .formatted(hash));
                ask(vm, "again copy & again get &");
                for (int i = 0; i < TIMES; i++) {
                    Snapshot snapshot = vm.snapshot(folder.resolve("again" + i));
                    assertQuiet(vm);
                    vm.close();
                    vm = snapshot.restore().start();
                    ask(vm, "rm -f /copy.done /get.done; until [ -s /copy.done -a -s /get.done ]; do sleep 0.02; done");
                }
                ask(vm, "touch /stop; wait");
                ask(vm, "[ ! -e /copy.failed ]");
                assertQuiet(vm);
            } finally {
                vm.close();
            }
        }
    }

    @Test
    void startsManyTimes_fromOneSnapshot() throws Exception {
        Path written = Files.write(folder.resolve("kept"), new byte[DATA]);
        Snapshot snapshot;
        try (MicroVm vm =
                guest(1).virtioBlk(DiskImage.raw(written)).virtioNet(network()).start()) {
            LinuxGuest.awaitReady(vm);
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
            assertQuiet(one);
        }
        assertThat(written).hasBinaryContent(disk);
        snapshot.verify();
    }

    @Test
    void itsTimeContinues_orIncludesTheTimeBetween() throws Exception {
        Snapshot snapshot;
        try (MicroVm vm = guest(2).start()) {
            LinuxGuest.awaitReady(vm);
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
                assertQuiet(vm);
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
