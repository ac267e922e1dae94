package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.LocalNetwork;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.ExecResult;
import dev.microvm.sandbox.WaitFor;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a test needs a kernel of its own for: a container cannot do any of it without rights on the host. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(300)
@MicroVms
final class BeyondContainersTest {
    private static final int DISK_MIB = 32;

    @TempDir
    private static Path folder;

    @Guest
    private final GuestVm guest = TestGuests.busybox();

    @BeforeAll
    static void needKernel() {
        GuestFiles.bundledKernel();
    }

    /** Runs a line and returns what it printed. */
    private static String run(GuestVm vm, String line) {
        ExecResult result = vm.shell(line);
        assertThat(result.exitCode()).as("%s: %s", line, result).isZero();
        return result.stdout();
    }

    @Test
    void setsParametersOfTheKernel() {
        run(guest, "sysctl -w vm.overcommit_memory=2 kernel.hostname=other net.ipv4.tcp_syncookies=0");

        assertThat(run(guest, "cat /proc/sys/vm/overcommit_memory; hostname")).isEqualTo("2\nother\n");
    }

    @Test
    void setsTheClockForward() {
        guest.sandbox().agent().time(Instant.parse("2038-01-19T03:14:07Z")); // the last second of 32 bits

        assertThat(run(guest, "date -u +%Y")).isEqualTo("2038\n");
        assertThat(Instant.now()).isBefore(Instant.parse("2038-01-01T00:00:00Z"));
    }

    @Test
    void restartsAService_underAnInitSystem() {
        run(guest, "printf '::respawn:/bin/httpd -f -p 80 -h /etc\\n' > /etc/inittab");
        guest.sandbox().start(Command.of("unshare", "-f", "-p", "--mount-proc", "init"));
        WaitFor http = WaitFor.http(80, "/inittab", 200);
        http.await(guest.sandbox().agent(), Duration.ofMinutes(1));
        String first = run(guest, "pidof httpd");

        run(guest, "kill -9 " + first);

        WaitFor.exec(Command.shell("p=$(pidof httpd) && test \"$p\" != " + first.strip()))
                .await(guest.sandbox().agent(), Duration.ofMinutes(1));
        http.await(guest.sandbox().agent(), Duration.ofMinutes(1));
    }

    @Test
    void keepsWhatWasSynced_onExt4AfterAPowerCut(@TempDir Path temporary) throws Exception {
        Path disk = ext4(temporary.resolve("disk"));
        try (GuestVm machine = TestGuests.busybox()
                .withName("power")
                .withSandbox(it -> it.machine(vm -> vm.virtioBlk(DiskImage.raw(disk))))
                .start()) {
            run(machine, "mount -t ext4 /dev/vdb /mnt && echo kept > /mnt/synced && sync");
            run(machine, "echo lost > /mnt/cached");

            machine.stop();
            machine.start();

            assertThat(run(machine, "mount -t ext4 /dev/vdb /mnt && cat /mnt/synced; ls /mnt"))
                    .contains("kept")
                    .doesNotContain("cached");
            assertThat(run(machine, "dmesg")).contains("EXT4-fs (vdb): recovery complete");
        }
    }

    private static Path ext4(Path file) throws IOException, InterruptedException {
        try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
            disk.setLength((long) DISK_MIB << 20);
        }
        Process mkfs = new ProcessBuilder("/usr/sbin/mkfs.ext4", "-q", file.toString())
                .redirectErrorStream(true)
                .redirectOutput(file.resolveSibling("mkfs.log").toFile())
                .start();
        assertThat(mkfs.waitFor()).as("mkfs.ext4").isZero();
        return file;
    }

    @Test
    void filtersAndRoutesPackets_betweenMachinesOfOneNetwork() throws IOException {
        LocalNetwork left = new LocalNetwork();
        LocalNetwork right = new LocalNetwork();
        try (GuestVm client = on("client", TestGuests.busybox(), left).start();
                GuestVm router =
                        on("router", TestGuests.of(nftTree()), left, right).start();
                GuestVm server = on("server", TestGuests.busybox(), right).start()) {
            address(client, "eth0", "10.1.0.2", "10.1.0.1");
            address(router, "eth0", "10.1.0.1", null);
            address(router, "eth1", "10.2.0.1", null);
            address(server, "eth0", "10.2.0.2", "10.2.0.1");
            run(router, "sysctl -w net.ipv4.ip_forward=1");
            run(server, "echo hello > /etc/page");
            server.sandbox().start(Command.of("httpd", "-f", "-p", "80", "-h", "/etc"));
            WaitFor.port(80).await(server.sandbox().agent(), Duration.ofMinutes(1));

            assertThat(run(client, "wget -q -O - http://10.2.0.2/page")).isEqualTo("hello\n");

            run(router, """
                nft -f - <<'RULES'
                table inet filter {
                  chain forward {
                    type filter hook forward priority 0; policy accept;
                    tcp dport 80 counter reject with tcp reset
                  }
                }
                RULES
                """);
            assertThat(client.shell("wget -q -O - http://10.2.0.2/page").stderr())
                    .contains("Connection refused");
            assertThat(run(client, "ping -c 1 10.2.0.2")).contains("1 packets received");
            assertThat(run(router, "nft list ruleset")).contains("counter packets 1");
        }
    }

    private static GuestVm on(String name, GuestVm vm, LocalNetwork... networks) {
        for (LocalNetwork each : networks) {
            vm.withSandbox(it -> it.machine(machine -> machine.virtioNet(each.port())));
        }
        return vm.withName(name);
    }

    private static void address(GuestVm vm, String device, String address, @Nullable String gateway) {
        vm.sandbox().agent().network(device, ip(address), 24, gateway == null ? null : ip(gateway));
    }

    private static Inet4Address ip(String text) {
        try {
            return (Inet4Address) InetAddress.getByName(text);
        } catch (UnknownHostException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Makes a root of busybox and Debian's nft with its libraries. */
    private static Path nftTree() throws IOException {
        Path tree = Files.createDirectory(folder.resolve("nft"));
        TestGuests.fill(tree);
        TestGuests.copy(GuestFiles.file("nft"), tree);
        return tree;
    }
}
