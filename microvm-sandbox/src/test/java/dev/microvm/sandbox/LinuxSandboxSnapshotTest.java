package dev.microvm.sandbox;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.Snapshot;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Linux at work with disks, network, socket device, console and agent, in one machine after the
 * other: {@code -Dmicrovm.snapshots=100} is the whole proof.
 */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(900)
final class LinuxSandboxSnapshotTest {
    private static final int TIMES = Integer.getInteger("microvm.snapshots", 4);
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final int SIZE = 128 << 10; // bytes that are written, read and fetched

    @TempDir
    private Path folder;

    /** Serves the same bytes to everyone. */
    private static final class Server implements AutoCloseable {
        private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        private final byte[] data = new byte[SIZE];

        Server() throws IOException {
            new Random(1).nextBytes(data);
            Thread.ofPlatform().daemon().start(this::serve);
        }

        private void serve() {
            while (!socket.isClosed()) {
                try (Socket client = socket.accept()) {
                    client.getInputStream().read(new byte[4096]);
                    String head = "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n".formatted(SIZE);
                    client.getOutputStream().write(head.getBytes(US_ASCII));
                    client.getOutputStream().write(data);
                } catch (IOException e) {
                    // the guest's connection is gone, or the server is closed
                }
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    @Test
    void worksOn_inOneMachineAfterTheOther() throws Exception {
        try (Server server = new Server()) {
            MicroVm vm;
            try (Sandbox sandbox = builder().start()) {
                String hash = hash(server.data);
                sandbox.start(
                        Command.shell(work(server.socket.getLocalPort(), hash)).detached());
                awaitWork(sandbox.agent());
                Snapshot first = sandbox.machine().snapshot(folder.resolve("0"));
                vm = first.restore().start();
            }
            try {
                for (int i = 1; i <= TIMES; i++) {
                    Agent agent = Agent.connect(vm, PATIENCE);
                    awaitWork(agent);
                    Snapshot snapshot = vm.snapshot(folder.resolve(String.valueOf(i)));
                    assertThat(vm.console().text()).contains("worked ").doesNotContain("BUG", "WARNING", "stall");
                    vm.close();
                    vm = snapshot.restore().start();
                }
                awaitWork(Agent.connect(vm, PATIENCE));
            } finally {
                vm.close();
            }
        }
    }

    /**
     * Counts what was right in /tmp/right, which is in memory, and on the console; /tmp/wrong is there
     * if something was not.
     */
    private static String work(int port, String hash) {
        return """
            ifconfig eth0 10.0.2.15 up
            n=0
            while [ ! -e /tmp/wrong ]; do
                    n=$((n+1))
                    head -c %1$d /dev/urandom > /tmp/random
                    dd if=/tmp/random of=/dev/vdb bs=64k conv=fsync 2> /dev/null
                    echo 3 > /proc/sys/vm/drop_caches
                    dd if=/dev/vdb bs=64k count=2 2> /dev/null > /tmp/back; [ "$(sha256sum < /tmp/back)" = "$(sha256sum < /tmp/random)" ] || echo disk $n > /tmp/wrong
                    until wget -q -O /tmp/got http://10.0.2.2:%2$d/; do sleep 0.1; done
                    [ "$(sha256sum < /tmp/got)" = "%3$s  -" ] || echo net $n > /tmp/wrong
                    echo $n > /tmp/right
                    echo "worked $n" > /dev/console
            done
            """.formatted(SIZE, port, hash);
    }

    /** Waits until the guest has done more, and all was right. */
    private static void awaitWork(Agent agent) {
        String wait = """
            old=$(cat /tmp/right 2> /dev/null)
            until [ -e /tmp/wrong ] || [ "$(cat /tmp/right 2> /dev/null)" != "$old" ]; do sleep 0.05; done
            cat /tmp/wrong 2> /dev/null
            true
            """;
        assertThat(agent.exec(Command.shell(wait))).isEqualTo(new ExecResult(0, "", ""));
    }

    private static String hash(byte[] of) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(of));
    }

    private SandboxBuilder builder() throws IOException {
        UserNetwork network = UserNetwork.builder()
                .network("10.0.2.0/24")
                .policy(NetPolicy.ALL)
                .build();
        Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
        return Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(
                        LinuxGuest.kernel(folder),
                        GuestFiles.file("cloud/modules"),
                        Files.readString(GuestFiles.file("cloud/release")).strip())
                .root(Root.directory(AgentGuest.tree(folder)))
                .drivers("virtio_net")
                .machine(to -> to.vcpus(2)
                        .virtioBlk(DiskImage.raw(disk).overlay())
                        .virtioNet(network)
                        .virtioBalloon())
                .startTimeout(PATIENCE);
    }
}
