package dev.microvm;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.devices.net.MacAddress;
import dev.microvm.devices.net.TapBackend;
import dev.microvm.devices.net.testing.NetNamespace;
import dev.microvm.devices.net.testing.TestServers;
import dev.microvm.devices.net.user.HostForward;
import dev.microvm.devices.net.user.NetCounter;
import dev.microvm.devices.net.user.NetPolicy;
import dev.microvm.devices.net.user.UserNetwork;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What Debian's kernel and busybox do with a network. */
@Lanes.Kernels
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxNetworkTest {
    private static final Duration SOON = Duration.ofMinutes(4);
    private static final int MIB = 1024 * 1024;

    /** Runs each line that it reads, and says that it is done. */
    private static final String INIT = """
            stty -echo
            # the modules
            ip link set lo up
            ip link set eth0 up
            echo ready
            while read line; do eval "$line"; echo "=$?="; done
            """;

    /** What udhcpc runs when it has a lease. */
    private static final String BOUND = """
            #!/bin/sh
            [ "$1" = bound ] || exit 0
            ip addr add $ip/$mask dev $interface
            ip route add default via $router
            echo nameserver $dns > /etc/resolv.conf
            """;

    private static final String DHCP = "udhcpc -i eth0 -n -q -f -s /etc/bound";

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) throws IOException {
        kernel = folder.resolve("vmlinux");
        KernelImage.open(GuestFiles.file("cloud/vmlinuz")).writeVmlinux(kernel);
        Initramfs.Builder files = LinuxGuest.files()
                .directory("/etc", 0755)
                .file("/etc/bound", BOUND.getBytes(ISO_8859_1), 0755)
                .modules(
                        GuestFiles.file("cloud/modules"),
                        Files.readString(GuestFiles.file("cloud/release")).strip(),
                        List.of("virtio_mmio", "virtio_net"));
        StringBuilder load = new StringBuilder();
        files.moduleLoadOrder()
                .forEach(module -> load.append("insmod ").append(module).append('\n'));
        initramfs =
                files.init(LinuxGuest.init(INIT.replace("# the modules", load))).build();
    }

    @Test
    void getsItsAddressAndNames_andDownloadsFromTheHost() throws IOException {
        byte[] content = TestServers.data(MIB, 1);
        UserNetwork network =
                UserNetwork.builder().hostNames(true).policy(NetPolicy.ALL).build();
        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                MicroVm vm = machine().name("networked").virtioNet(network).start()) {
            vm.console().awaitText("ready", SOON);

            assertThat(ask(vm, "cat /sys/class/net/eth0/address"))
                    .contains(MacAddress.of("networked", 0).toString());
            ask(vm, DHCP);
            assertThat(ask(vm, "ip -4 addr show dev eth0")).contains("inet 10.0.2.15/24");
            assertThat(ask(vm, "ping -c 3 10.0.2.2")).contains("3 packets received");
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
            vm.console().awaitText("ready", SOON);
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
            vm.console().awaitText("ready", SOON);
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
            vm.console().awaitText("ready", SOON);
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
    void carriesAHundredMegabytesEachWay_throughATap(@TempDir Path folder) throws Exception {
        byte[] content = TestServers.data(100 * MIB, 3);
        Files.write(folder.resolve("content"), content);
        String hash = TestServers.sha256(content);
        try (NetNamespace host = new NetNamespace();
                TapBackend tap = new TapBackend("mvtlinux");
                MicroVm vm = machine().memoryMiB(512).virtioNet(tap).start()) {
            host.take("mvtlinux");
            host.run("ip addr add 10.77.0.1/24 dev eth0");
            host.start("busybox httpd -f -p 80 -h " + folder);
            vm.console().awaitText("ready", SOON);
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
    void echoesDatagrams() throws IOException {
        UserNetwork network = UserNetwork.builder().policy(NetPolicy.ALL).build();
        try (TestServers.UdpEcho echo = new TestServers.UdpEcho();
                MicroVm vm = machine().virtioNet(network).start()) {
            vm.console().awaitText("ready", SOON);
            ask(vm, DHCP);

            // A question for a name, which an echo does not answer: it comes back as it went.
            ask(vm, "nslookup -type=a example.test 10.0.2.2:" + echo.port() + " > /answer 2>&1 || true");

            assertThat(echo.lengths()).isNotEmpty();
            assertThat(network.counter(NetCounter.UDP_FROM_GUEST)).isPositive();
        }
    }

    private MicroVmBuilder machine() {
        return TestMachine.builder(Irqchip.SPLIT)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k");
    }

    /** What a command prints. */
    private static String ask(MicroVm vm, String command) {
        vm.console().type(command + "\n");
        return vm.console().awaitText("=0=", SOON);
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
