package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.Console;
import dev.microvm.MicroVm;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.SameByte;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Debian's kernel with a device in each of the eight slots: three disks, two networks, a console
 * with a port, an entropy source and a balloon.
 */
@Lanes.Kernels
@Lanes.TakesLong // its devices work alike on any hypervisor: LinuxVirtioLabTest sees them on KVM
@Timeout(900)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxAllDevicesTest {
    private static final int MIB = 1 << 20;
    private static final int DATA = MIB;
    private static final int PRINTED = MIB / 8; // a notification for each 16 bytes of it
    private static final int ROUNDS = Lanes.hypervisor().equals(Lanes.ENGINE) ? 10 : 3; // the lab is slow
    private static final Duration SOON = Duration.ofMinutes(4);
    private static final String DRIVERS = "virtio_blk virtio_net virtio_console virtio_rng virtio_balloon";

    private static final RandomGenerator SEVENS = new SameByte('7');

    private final byte[] data = TestServers.data(DATA, 1);
    private final String hash = TestServers.sha256(data);

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @TempDir
    private static Path folder;

    @BeforeAll
    void prepareGuests() throws IOException {
        kernel = LinuxGuest.kernel(folder);
        initramfs = LinuxGuest.build(
                LinuxGuest.files(
                        "virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "virtio_balloon"),
                LinuxGuest.DIALOGUE);
        Files.write(folder.resolve("source"), data);
    }

    private static Path image(String name) throws IOException {
        return Files.write(folder.resolve(name), new byte[DATA]);
    }

    private static UserNetwork network(String cidr) {
        return UserNetwork.builder().network(cidr).policy(NetPolicy.ALL).build();
    }

    /** Reads disk {@code vda}, and writes to {@code vdb} and {@code vdc}. */
    private MicroVm start(Path raw, Path other) throws IOException {
        MicroVm vm = TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k")
                .virtioBlk(DiskImage.raw(folder.resolve("source")).readOnly())
                .virtioBlk(DiskImage.raw(raw))
                .virtioBlk(VirtioBlkOptions.of(DiskImage.raw(other).overlay()).queues(2))
                .virtioNet(network("10.0.2.0/24"))
                .virtioNet(network("10.0.3.0/24"))
                .virtioConsole("agent")
                .virtioRng(SEVENS)
                .virtioBalloon()
                .start();
        LinuxGuest.awaitReady(vm);
        setUp(vm);
        return vm;
    }

    /** The work after the drivers have found their devices. */
    private static void setUp(MicroVm vm) {
        ask(
                vm,
                "until [ -b /dev/vdc -a -c /dev/vport5p1 -a -c /dev/hvc0 -a -d /sys/class/net/eth1 ]; do sleep 0.1; done");
        ask(vm, "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up");
        ask(vm, "ip addr add 10.0.3.15/24 dev eth1; ip link set eth1 up");
    }

    private static void awaitActual(MicroVm vm, int mib) throws InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        while (vm.balloon().actualMiB() != mib) {
            assertThat(System.nanoTime()).as("the balloon has its size").isLessThan(end);
            Thread.sleep(50);
        }
    }

    private static Thread typing(MicroVm vm, byte[] bytes) {
        return Thread.ofPlatform().start(() -> {
            try {
                vm.port("agent").input().write(bytes);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Reads at once, because a port with a reader that does not read blocks the guest. */
    private static Future<byte[]> reading(Console port, int length) {
        InputStream output = port.output();
        FutureTask<byte[]> task = new FutureTask<>(() -> output.readNBytes(length));
        Thread.ofPlatform().start(task);
        return task;
    }

    @Test
    void worksOnEightDevicesAtOnce() throws Exception {
        Path written = image("written");
        try (TestServers.Tcp server = TestServers.Tcp.http(data);
                MicroVm vm = start(written, image("below"))) {
            Future<byte[]> echoed = reading(vm.port("agent"), data.length);
            Future<byte[]> printed = reading(vm.port("hvc0"), PRINTED);

            ask(vm, "jobs=; copy() { dd if=/dev/vda of=/dev/$1 bs=64k conv=fsync; sha256sum < /dev/$1 > /$1; }");
            ask(vm, "get() { wget -q -O - http://$1:%d/ | sha256sum > /$2; }".formatted(server.port()));
            ask(vm, "copy vdb & jobs=\"$jobs $!\"");
            ask(vm, "copy vdc & jobs=\"$jobs $!\"");
            ask(vm, "get 10.0.2.2 eth0 & jobs=\"$jobs $!\"");
            ask(vm, "get 10.0.3.2 eth1 & jobs=\"$jobs $!\"");
            ask(vm, "head -c 100000 /dev/hwrng | tr -d 7 | wc -c > /rng & jobs=\"$jobs $!\"");
            ask(
                    vm,
                    "( stty raw; yes printed | head -c %d ) < /dev/hvc0 > /dev/hvc0 & jobs=\"$jobs $!\""
                            .formatted(PRINTED));
            ask(vm, "cat 0<>/dev/vport5p1 1>&0 &");
            vm.balloon().targetMiB(64);
            Thread typing = typing(vm, data);

            assertThat(echoed.get()).isEqualTo(data);
            assertThat(new String(printed.get(), US_ASCII)).isEqualTo("printed\n".repeat(PRINTED / 8));
            typing.join();
            awaitActual(vm, 64);
            ask(vm, "wait $jobs");
            assertThat(ask(vm, "cat /vdb /vdc /eth0 /eth1 | sort | uniq -c")).contains("4 " + hash);
            assertThat(ask(vm, "cat /rng").strip()).startsWith("0\r\n");
            assertThat(ask(vm, "cat /proc/interrupts")).containsPattern("23-edge +virtio7");
            assertThat(vm.balloon().statistics()).isPresent();
        }
        assertThat(Files.mismatch(written, folder.resolve("source"))).isEqualTo(-1);
    }

    @Test
    void worksAgain_afterEachDriverWasUnboundWhileBusy() throws Exception {
        byte[] noise = new byte[MIB];
        try (TestServers.Tcp server = TestServers.Tcp.http(data);
                MicroVm vm = start(image("torn"), image("below"))) {
            ask(vm, "find /lib/modules -name '*.ko' > /modules");
            ask(vm, "load() { insmod $(grep /$(echo $1 | sed s/_/./).ko /modules); }");
            ask(vm, "get() { wget -q -O - http://$1:%d/ | sha256sum; }".formatted(server.port()));
            ask(vm, "busy() { jobs=\"$jobs $!\"; }");
            for (int round = 1; round <= ROUNDS; round++) {
                ask(vm, "jobs=");
                ask(vm, "while dd if=/dev/vda of=/dev/vdb bs=64k 2> /dev/null; do :; done & busy");
                ask(vm, "while dd if=/dev/vda of=/dev/vdc bs=64k 2> /dev/null; do :; done & busy");
                ask(vm, "while :; do get 10.0.2.2 > /dev/null; done & busy");
                ask(vm, "while :; do get 10.0.3.2 > /dev/null; done & busy");
                ask(vm, "cat /dev/hwrng > /dev/null 2>&1 & busy");
                ask(vm, "yes > /dev/hvc0 2> /dev/null & busy");
                ask(vm, "cat /dev/vport5p1 > /dev/null 2>&1 & busy");
                Thread typing = typing(vm, noise);
                int target = round % 2 == 0 ? 16 : 96;
                vm.balloon().targetMiB(target);

                ask(vm, "for d in /sys/bus/virtio/devices/*; do echo ${d##*/} > $d/driver/unbind; done");
                ask(vm, "kill $jobs 2> /dev/null; killall dd wget cat yes 2> /dev/null; wait");
                ask(vm, "for m in " + DRIVERS + "; do until rmmod $m; do sleep 0.1; done; done");
                ask(vm, "for m in " + DRIVERS + "; do load $m; done");

                setUp(vm);
                ask(vm, "cat /dev/vport5p1 > /dev/null &"); // whatever is left of the noise
                typing.join();
                ask(vm, "killall cat; wait");
                checkEach(vm, round);
                awaitActual(vm, target);
            }
        }
    }

    private void checkEach(MicroVm vm, int round) {
        assertThat(ask(vm, "cat /dev/vda | tee /dev/vdb | sha256sum")).contains(hash);
        assertThat(ask(vm, "cat /dev/vdb | tee /dev/vdc | sha256sum")).contains(hash);
        assertThat(ask(vm, "sync; echo 3 > /proc/sys/vm/drop_caches; sha256sum < /dev/vdc"))
                .contains(hash);
        assertThat(ask(vm, "get 10.0.2.2")).contains(hash);
        assertThat(ask(vm, "get 10.0.3.2")).contains(hash);
        assertThat(ask(vm, "head -c 20 /dev/hwrng")).contains("7".repeat(20));
        String said = "agent in round %d.".formatted(round);
        ask(vm, "echo %s > /dev/vport5p1".formatted(said));
        vm.port("agent").awaitText(said, SOON);
        said = "console in round %d.".formatted(round);
        ask(vm, "echo %s > /dev/hvc0".formatted(said));
        vm.port("hvc0").awaitText(said, SOON);
    }
}
