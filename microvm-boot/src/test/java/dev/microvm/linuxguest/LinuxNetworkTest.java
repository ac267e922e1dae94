package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.Snapshot;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.testing.NetNamespace;
import dev.microvm.backend.net.testing.Passt;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.HostForward;
import dev.microvm.backend.net.user.NetCounter;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.DebianPrograms;
import dev.microvm.boot.testing.HostProgram;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.Irqchip;
import dev.microvm.testing.Lanes;
import dev.microvm.testing.ProcessUse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Debian's kernel and busybox with a network. {@code -Dmicrovm.netMiB=100} sends 100 MiB through a
 * tap instead of a little.
 */
@Lanes.Kernels
@Lanes.TakesLong // its devices work alike on any hypervisor: LinuxVirtioLabTest sees them on KVM
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxNetworkTest {
    private static final int MIB = 1024 * 1024;
    private static final int TAP_MIB = Integer.getInteger("microvm.netMiB", 4);
    private static final int CONNECTIONS = 1000;
    private static final int DATAGRAMS = 200;
    private static final int EXECUTABLE = 0755;
    private static final int READABLE = 0644;
    private static final int PRIVATE = 0700;

    private static final String LINKS = """
            ip link set lo up
            ip link set eth0 up
            """;

    /** The script that udhcpc runs when it has a lease. */
    private static final String BOUND = """
            #!/bin/sh
            [ "$1" = bound ] || exit 0
            ip addr add $ip/$mask dev $interface
            ip route add default via $router
            echo nameserver $dns > /etc/resolv.conf
            echo $hostname $domain $search > /etc/names
            """;

    private static final String DHCP = "udhcpc -i eth0 -n -q -f -O search -s /etc/bound";

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) {
        kernel = LinuxGuest.kernel(folder);
        initramfs = build(files());
    }

    private static Initramfs.Builder files() {
        return LinuxGuest.files("virtio_mmio", "virtio_net", "virtio_rng").file("/etc/bound", BOUND, EXECUTABLE);
    }

    private static Initramfs build(Initramfs.Builder files) {
        return LinuxGuest.build(files, LINKS + LinuxGuest.DIALOGUE);
    }

    @Test
    void getsItsAddressAndNames_andDownloadsFromTheHost() throws IOException {
        byte[] content = TestServers.data(MIB, 1);
        UserNetwork network = UserNetwork.builder()
                .hostNames(true)
                .policy(NetPolicy.ALL)
                .guestHostName("web")
                .guestDomain("example.org")
                .guestSearch("example.org", "lab.example.org")
                .build();
        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                MicroVm vm = machine().name("networked").virtioNet(network).start()) {
            LinuxGuest.awaitReady(vm);

            assertThat(ask(vm, "cat /sys/class/net/eth0/address"))
                    .contains(MacAddress.of("networked", 0).toString());
            ask(vm, DHCP);
            assertThat(ask(vm, "ip -4 addr show dev eth0")).contains("inet 10.0.2.15/24");
            assertThat(ask(vm, "cat /etc/names")).contains("web example.org example.org lab.example.org");
            assertThat(ask(vm, "ping -c 3 10.0.2.2")).contains("3 packets received");
            assertThat(ask(vm, "ping -c 3 -s 20000 10.0.2.3")).contains("3 packets received");
            assertThat(ask(vm, "nslookup -type=a localhost")).contains("Address: 127.0.0.1");
            assertThat(ask(vm, "wget -q -O - http://10.0.2.2:" + server.port() + "/ | sha256sum"))
                    .contains(TestServers.sha256(content));
            assertThat(network.counter(NetCounter.MALFORMED)).isZero();
        }
    }

    @Test
    void downloadsFiftyFilesAtOnce() throws IOException {
        byte[] content = TestServers.data(100_000, 2);
        UserNetwork network = UserNetwork.builder().policy(NetPolicy.ALL).build();
        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                MicroVm vm = machine().virtioNet(network).start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, DHCP);

            String output = ask(
                    vm,
                    "for i in $(seq 50); do wget -q -O - http://10.0.2.2:" + server.port()
                            + "/ | sha256sum > /tmp$i & done; wait; cat /tmp* | sort | uniq -c");

            assertThat(output).contains("50 " + TestServers.sha256(content));
        }
    }

    @Test
    void servesAHostsClient_throughAForward() throws IOException {
        HostForward forward = HostForward.parse("tcp:127.0.0.1:0-:80");
        UserNetwork network = UserNetwork.builder().forward(forward).build();
        try (MicroVm vm = machine().virtioNet(network).start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, DHCP);
            Matcher hash = Pattern.compile("[0-9a-f]{64}").matcher(ask(vm, "sha256sum /bin/busybox; httpd -h /bin"));
            assertThat(hash.find()).isTrue();

            for (int round = 0; round < 5; round++) {
                assertThat(download(network.hostPort(forward), "/busybox")).isEqualTo(hash.group());
            }
        }
    }

    @Test
    void findsTheHostDenied_andPortsRefused() throws IOException {
        UserNetwork closed = UserNetwork.builder().build();
        UserNetwork open = UserNetwork.builder().policy(NetPolicy.ALL).build();
        int port;
        try (TestServers.Tcp gone = TestServers.Tcp.http(new byte[0])) {
            port = gone.port();
        }
        try (MicroVm vm = machine().virtioNet(closed).virtioNet(open).start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, DHCP);
            assertThat(ask(vm, "wget -O - http://10.0.2.2:" + port + "/ 2>&1 || true"))
                    .contains("No route to host");
            ask(vm, "ip link set eth0 down; ip link set eth1 up; " + DHCP.replace("eth0", "eth1"));
            assertThat(ask(vm, "wget -O - http://10.0.2.2:" + port + "/ 2>&1 || true"))
                    .contains("Connection refused");
            // More than one where the guest was so slow that it asked again.
            assertThat(closed.counter(NetCounter.DENIED)).isPositive();
            assertThat(open.counter(NetCounter.TCP_REFUSED)).isPositive();
        }
    }

    @Test
    void carriesMegabytesEachWay_throughATap(@TempDir Path folder) throws Exception {
        byte[] content = TestServers.data(TAP_MIB * MIB, 3);
        Files.write(folder.resolve("content"), content);
        String hash = TestServers.sha256(content);
        try (NetNamespace host = new NetNamespace();
                TapBackend tap = new TapBackend("mvtlinux");
                MicroVm vm =
                        machine().memoryMiB(256 + 2 * TAP_MIB).virtioNet(tap).start()) {
            host.take("mvtlinux");
            host.run("ip addr add 10.77.0.1/24 dev eth0");
            host.start("busybox httpd -f -p 80 -h " + folder);
            LinuxGuest.awaitReady(vm);
            ask(vm, "ip addr add 10.77.0.2/24 dev eth0");

            assertThat(ask(vm, "ping -c 3 10.77.0.1")).contains("3 packets received");
            assertThat(host.run("busybox ping -c 3 10.77.0.2")).contains("3 packets received");
            assertThat(ask(vm, "wget -q -O /content http://10.77.0.1/content; sha256sum /content"))
                    .contains(hash);
            Path back = folder.resolve("back");
            Process server = host.start("busybox nc -l -p 9000 > " + back);
            ask(vm, "until nc 10.77.0.1 9000 < /content; do sleep 1; done"); // refused until the server listens
            assertThat(server.waitFor()).isZero();
            assertThat(TestServers.sha256(Files.readAllBytes(back))).isEqualTo(hash);
        }
    }

    @Test
    void reachesTheTap_thatARestoreHasOpenedAgain(@TempDir Path folder) throws Exception {
        Snapshot taken;
        try (NetNamespace host = new NetNamespace(); // says if taps cannot be made
                TapBackend tap = new TapBackend("mvtagain");
                MicroVm vm = machine().virtioNet(tap).start()) {
            host.take("mvtagain");
            LinuxGuest.awaitReady(vm);
            ask(vm, "ip addr add 10.77.0.2/24 dev eth0");
            taken = vm.snapshot(folder.resolve("taken"));
        }
        try (NetNamespace host = new NetNamespace();
                MicroVm vm = taken.restore().start()) {
            host.take("mvtagain");
            host.run("ip addr add 10.77.0.1/24 dev eth0");

            assertThat(ask(vm, "ping -c 3 10.77.0.1")).contains("3 packets received");
        }
    }

    @Test
    void downloadsFromTheHost_throughPasst(@TempDir Path folder) throws Exception {
        byte[] content = TestServers.data(MIB, 4);
        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                Passt passt = new Passt(folder);
                MicroVm vm = machine().virtioNet(passt.network()).start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, DHCP);

            assertThat(ask(vm, "ip -4 addr show dev eth0")).contains("inet " + Passt.GUEST);
            assertThat(ask(vm, "wget -q -O - http://%s:%d/ | sha256sum".formatted(Passt.ROUTER, server.port())))
                    .contains(TestServers.sha256(content));
        }
    }

    @Test
    void leavesNothingBehind_afterAThousandConnections_andEchoesDatagrams() throws Exception {
        Initramfs perl =
                build(DebianPrograms.addPerl(files()).file("/flows.pl", DebianPrograms.resource("flows.pl"), READABLE));
        UserNetwork network = UserNetwork.builder().policy(NetPolicy.ALL).build();
        try (TestServers.Tcp lines = TestServers.Tcp.line();
                TestServers.UdpEcho echo = new TestServers.UdpEcho();
                MicroVm vm = machine().initrd(perl).virtioNet(network).start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, DHCP);
            String flows = "/usr/bin/perl /flows.pl 10.0.2.2 %d %%d %d %%d".formatted(lines.port(), echo.port());
            assertThat(ask(vm, flows.formatted(10, 1))).contains("answered 10, echoed 1");
            ProcessUse before = ProcessUse.now();

            String said = ask(vm, flows.formatted(CONNECTIONS, DATAGRAMS));

            assertThat(said).contains("answered %d, echoed %d".formatted(CONNECTIONS, DATAGRAMS));
            while (ProcessUse.now().descriptors() > before.descriptors() + 2)
                Thread.sleep(50); // a UDP flow may be left
            assertThat(ProcessUse.now().machineThreads()).isEqualTo(before.machineThreads());
            assertThat(network.counter(NetCounter.TCP_FROM_GUEST)).isEqualTo(10 + CONNECTIONS);
            assertThat(network.counter(NetCounter.UDP_FROM_GUEST)).isGreaterThanOrEqualTo(2);
        }
    }

    /**
     * Like QEMU's {@code hostfwd=tcp::10022-:22}, with a real server in the guest and the host's
     * own client.
     */
    @Test
    void letsSshIn_throughAForward(@TempDir Path folder) throws Exception {
        Lanes.need("ssh", Files.isExecutable(Path.of("/usr/bin/ssh")) ? "" : "there is no /usr/bin/ssh");
        Path key = folder.resolve("key");
        HostProgram.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key);
        Initramfs dropbear = build(DebianPrograms.addDropbear(files())
                .file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", READABLE)
                .directory("/etc/dropbear", PRIVATE)
                .directory("/root", PRIVATE)
                .directory("/root/.ssh", PRIVATE)
                .file("/root/.ssh/authorized_keys", Files.readString(Path.of(key + ".pub")), READABLE));
        HostForward forward = HostForward.parse("tcp::0-:22");
        UserNetwork network = UserNetwork.builder().forward(forward).build();
        try (MicroVm vm =
                machine().initrd(dropbear).virtioNet(network).virtioRng().start()) {
            LinuxGuest.awaitReady(vm);
            ask(vm, DHCP);
            ask(vm, "/usr/sbin/dropbear -R -s 2> /dev/null"); // goes on by itself; without passwords
            byte[] content = TestServers.data(MIB, 5);
            Files.write(folder.resolve("content"), content);
            Path config = Files.writeString(folder.resolve("config"), """
                    Host guest
                        HostName 127.0.0.1
                        Port %d
                        User root
                        IdentityFile %s
                        BatchMode yes
                        StrictHostKeyChecking no
                        UserKnownHostsFile /dev/null
                        LogLevel ERROR
                    """.formatted(network.hostPort(forward), key));

            String said = HostProgram.run(
                    "bash", "-c", "ssh -F %s guest 'uname -s; sha256sum' < %s/content".formatted(config, folder));

            assertThat(said).startsWith("Linux").contains(TestServers.sha256(content));
        }
    }

    private MicroVmBuilder machine() {
        return TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k");
    }

    private static String download(int port, String path) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream().write(("GET " + path + " HTTP/1.0\r\n\r\n").getBytes(ISO_8859_1));
            String answer = new String(socket.getInputStream().readAllBytes(), ISO_8859_1);
            return TestServers.sha256(
                    answer.substring(answer.indexOf("\r\n\r\n") + 4).getBytes(ISO_8859_1));
        }
    }
}
