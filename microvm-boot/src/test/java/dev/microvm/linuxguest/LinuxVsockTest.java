package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.VmState;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.DebianPrograms;
import dev.microvm.boot.testing.HostProgram;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.devices.virtio.vsock.VsockChannel;
import dev.microvm.devices.virtio.vsock.VsockListener;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Sockets between the host and {@code src/test/resources/programs/vsock.c} on Debian's kernel.
 * {@code -Dmicrovm.vsockMiB=100} sends 100 MiB instead of a little.
 */
@Lanes.Kernels
@Lanes.TakesLong // its devices work alike on any hypervisor: LinuxVirtioLabTest sees them on KVM
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LinuxVsockTest {
    private static final Duration SOON = Duration.ofMinutes(4);
    private static final int MUCH = Integer.getInteger("microvm.vsockMiB", 16) << 20; // bytes
    private static final int STREAMS = 100;
    private static final long CID = 3;

    // Where programs of the guest's listen.
    private static final long ECHO = 5000;
    private static final long HASH = 5001;
    private static final long STORE = 5002;

    private static final String LISTENERS = """
            vsock 5000 cat
            vsock 5001 md5sum
            vsock 5002 sh -c 'cat > /data; md5sum < /data'
            """;

    @SuppressWarnings("NullAway.Init") // set by prepareGuests
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @BeforeAll
    void prepareGuests(@TempDir Path folder) throws Exception {
        kernel = LinuxGuest.kernel(folder);
        initramfs = LinuxGuest.build(
                LinuxGuest.files("virtio_mmio", "vmw_vsock_virtio_transport").file("/bin/vsock", compile(folder), 0755),
                LISTENERS + LinuxGuest.DIALOGUE);
    }

    private static Path compile(Path folder) throws IOException {
        Path source = Files.write(folder.resolve("vsock.c"), DebianPrograms.resource("vsock.c"));
        Path program = folder.resolve("vsock");
        HostProgram.run("cc", "-O1", "-static", "-o", program, source);
        return program;
    }

    @ParameterizedTest
    @MethodSource("dev.microvm.boot.testing.TestMachine#irqchips")
    void talksBothWays(Irqchip irqchip) throws IOException {
        try (MicroVm vm = ready(machine(irqchip).virtioVsock(CID).build());
                VsockListener listener = vm.vsock().listen(7000)) {
            try (VsockChannel echo = vm.vsock().connect(ECHO, SOON)) {
                assertThat(exchange(echo, "hello, guest".getBytes(US_ASCII)))
                        .asString()
                        .isEqualTo("hello, guest");
            }
            type(vm, "echo hello, host | vsock -a 7000");
            try (VsockChannel guest = listener.accept(SOON)) {
                assertThat(readAll(guest)).asString().isEqualTo("hello, host\n");
                guest.write(ByteBuffer.wrap("answer\n".getBytes(US_ASCII)));
            }
            assertThat(done(vm)).contains("answer");
            assertThatExceptionOfType(ConnectException.class)
                    .isThrownBy(() -> vm.vsock().connect(4999, SOON))
                    .withMessage("guest port 4999: connection refused by the guest");
            assertThat(failure(vm, "vsock -a 7001")).contains("connect: Connection reset by peer");
        }
    }

    @Test
    void carriesMuch_eachWay_unchanged() throws Exception {
        byte[] data = random(MUCH, 1);
        try (MicroVm vm = ready(machine(Irqchip.SPLIT)
                        .memoryMiB(256 + (MUCH >> 20))
                        .virtioVsock(CID)
                        .build());
                VsockListener listener = vm.vsock().listen(7000)) {
            try (VsockChannel store = vm.vsock().connect(STORE, SOON)) {
                assertThat(exchange(store, data)).asString().startsWith(md5(data));
            }
            type(vm, "vsock -c 7000 cat /data");
            try (VsockChannel guest = listener.accept(SOON)) {
                assertThat(md5(readAll(guest))).isEqualTo(md5(data));
            }
            done(vm);
            try (VsockChannel echo = vm.vsock().connect(ECHO, SOON)) {
                assertThat(md5(exchange(echo, data))).isEqualTo(md5(data)); // both ways at once
            }
        }
    }

    @Test
    void carriesAHundredStreamsAtOnce() throws Exception {
        try (MicroVm vm = ready(machine(Irqchip.SPLIT).virtioVsock(CID).build());
                VsockListener listener = vm.vsock().listen(7000);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Callable<String>> hostsOwn = new ArrayList<>();
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < STREAMS; i++) {
                byte[] data = random(20_000, i);
                expected.add(md5(data) + "  -\n");
                hostsOwn.add(() -> {
                    try (VsockChannel hash = vm.vsock().connect(HASH, SOON)) {
                        return new String(exchange(hash, data), US_ASCII);
                    }
                });
            }
            assertThat(results(threads, hostsOwn)).isEqualTo(expected);

            type(
                    vm,
                    "for i in $(seq %d); do echo $i | vsock -a 7000 > /tmp$i & done; wait $(jobs -p | tail -n %d); cat /tmp* | sort -n | uniq | wc -l"
                            .formatted(STREAMS, STREAMS));
            List<Callable<String>> guests = new ArrayList<>();
            for (int i = 0; i < STREAMS; i++) {
                VsockChannel guest = listener.accept(SOON);
                guests.add(() -> {
                    try (guest) {
                        byte[] number = readAll(guest);
                        guest.write(ByteBuffer.wrap(number));
                        return new String(number, US_ASCII).strip();
                    }
                });
            }
            assertThat(results(threads, guests)).doesNotHaveDuplicates().hasSize(STREAMS);
            assertThat(done(vm)).contains("100");
        }
    }

    @Test
    void servesOtherProcesses_byUnixSockets(@TempDir Path folder) throws Exception {
        Path path = folder.resolve("v.sock");
        byte[] data = random(MUCH / 4, 2);
        try (MicroVm vm = ready(machine(Irqchip.SPLIT).virtioVsock(CID, path).build());
                ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(path + "_7001"));
            try (SocketChannel client = connect(path, "CONNECT " + HASH + "\n")) {
                assertThat(readLine(client)).matches("OK [0-9]+");
                assertThat(exchange(client, data)).asString().startsWith(md5(data));
            }
            try (SocketChannel client = connect(path, "CONNECT 4999\n")) {
                assertThat(readAll(client)).isEmpty();
            }
            try (SocketChannel client = connect(path, "hello\n")) {
                assertThat(readAll(client)).isEmpty();
            }

            type(vm, "head -c 300000 /dev/zero | vsock -a 7001");
            try (SocketChannel guest = server.accept()) {
                assertThat(readAll(guest)).hasSize(300_000);
                guest.write(ByteBuffer.wrap("thanks\n".getBytes(US_ASCII)));
            }
            assertThat(done(vm)).contains("thanks");
            assertThat(failure(vm, "vsock -a 7002")).contains("connect: Connection reset by peer");
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void continues_afterItsDriverWasUnboundTenTimes_whileConnected() throws IOException {
        try (MicroVm vm = ready(machine(Irqchip.SPLIT).virtioVsock(CID).build())) {
            ask(vm, "cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport");
            for (int i = 0; i < 10; i++) {
                VsockChannel before = vm.vsock().connect(ECHO, SOON);
                before.write(ByteBuffer.wrap(new byte[1000]));
                before.read(ByteBuffer.allocate(1));
                ask(vm, "echo virtio0 > unbind");
                assertThatExceptionOfType(SocketException.class).isThrownBy(() -> readAll(before));
                before.close();
                ask(vm, "echo virtio0 > bind");
                try (VsockChannel after = vm.vsock().connect(ECHO, SOON)) {
                    assertThat(exchange(after, "again".getBytes(US_ASCII)))
                            .asString()
                            .isEqualTo("again");
                }
            }
        }
    }

    @Test
    void continuesToListen_afterAReset() throws IOException {
        try (MicroVm vm = machine(Irqchip.SPLIT)
                        .virtioVsock(CID)
                        .onReset(ResetAction.RESTART)
                        .build();
                VsockListener listener = vm.vsock().listen(7000)) {
            ready(vm);
            VsockChannel before = vm.vsock().connect(ECHO, SOON);
            type(vm, "reboot -f");
            assertThatExceptionOfType(SocketException.class).isThrownBy(() -> readAll(before));
            before.close();
            LinuxGuest.awaitReady(vm);

            type(vm, "vsock -c 7000 echo again");
            try (VsockChannel guest = listener.accept(SOON)) {
                assertThat(readAll(guest)).asString().isEqualTo("again\n");
            }
            assertThat(vm.restarts()).isEqualTo(1);
        }
    }

    @Test
    void keepsTheGuestsLastWords_whenItEnds() throws IOException {
        try (MicroVm vm = machine(Irqchip.SPLIT).virtioVsock(CID).build();
                VsockListener listener = vm.vsock().listen(7000)) {
            ready(vm);
            vm.console().type("echo last words | vsock -a 7000; vm-exit 0\n");
            VsockChannel guest = listener.accept(SOON);
            guest.shutdownOutput();
            vm.awaitExit(SOON);

            assertThat(readAll(guest)).asString().isEqualTo("last words\n");
            assertThatExceptionOfType(IOException.class).isThrownBy(listener::accept);
        }
    }

    /** Sends everything and ends its direction, while it reads the other direction to the end. */
    private static byte[] exchange(ByteChannel with, byte[] data) throws IOException {
        Thread writer = Thread.ofVirtual().start(() -> {
            try {
                ByteBuffer bytes = ByteBuffer.wrap(data);
                while (bytes.hasRemaining()) with.write(bytes);
                if (with instanceof VsockChannel channel) channel.shutdownOutput();
                else if (with instanceof SocketChannel socket) socket.shutdownOutput();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        byte[] answer = readAll(with);
        try {
            writer.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        return answer;
    }

    private static byte[] readAll(ByteChannel from) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        ByteBuffer piece = ByteBuffer.allocate(1 << 16);
        for (int length = from.read(piece); length >= 0; length = from.read(piece.clear())) {
            all.write(piece.array(), 0, length);
        }
        return all.toByteArray();
    }

    private static SocketChannel connect(Path path, String line) throws IOException {
        SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(path));
        client.write(ByteBuffer.wrap(line.getBytes(US_ASCII)));
        return client;
    }

    private static String readLine(SocketChannel from) throws IOException {
        StringBuilder line = new StringBuilder();
        ByteBuffer one = ByteBuffer.allocate(1);
        while (from.read(one.clear()) == 1 && one.get(0) != '\n') line.append((char) one.get(0));
        return line.toString();
    }

    private static List<String> results(ExecutorService threads, List<Callable<String>> tasks) throws Exception {
        List<String> results = new ArrayList<>();
        for (Future<String> each : threads.invokeAll(tasks)) results.add(each.get(4, TimeUnit.MINUTES));
        return results;
    }

    private static byte[] random(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static String md5(byte[] bytes) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(bytes));
    }

    private MicroVmBuilder machine(Irqchip irqchip) {
        return TestMachine.builder(irqchip)
                .kernel(kernel)
                .initrd(initramfs)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet cryptomgr.notests reboot=k");
    }

    private static MicroVm ready(MicroVm vm) {
        if (vm.state() == VmState.NEW) vm.start();
        LinuxGuest.awaitReady(vm);
        return vm;
    }

    private static void type(MicroVm vm, String command) {
        vm.console().type(command + "\n");
    }

    /** Returns what the typed command prints. */
    private static String done(MicroVm vm) {
        return vm.console().awaitText("=0=", SOON); // its exit code
    }

    /** Runs a command that fails, and returns what it prints. */
    private static String failure(MicroVm vm, String command) {
        type(vm, command);
        return vm.console().awaitText("=1=", SOON);
    }
}
