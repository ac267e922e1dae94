package dev.microvm.boot.testing;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.bus.BusDevice;
import dev.microvm.bus.DeviceContext;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.rng.VirtioRng;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A machine that has a thread, a descriptor or a lock of each kind, and code of a user at each place
 * where there may be some, which does what a test tells it.
 */
public final class BusyMachine implements AutoCloseable {
    private static final Duration SOON = Duration.ofSeconds(20);

    /** A place where code of the user runs. */
    public enum Place {
        FACTORY,
        DEVICE,
        TIMER,
        OUTPUT,
        HOST_END,
        EXIT
    }

    /** Code of the user. */
    @FunctionalInterface
    public interface Code {
        void run(MicroVm vm) throws InterruptedException;
    }

    private final CompletableFuture<MicroVm> made = new CompletableFuture<>();
    private final CountDownLatch inDeviceOrEnded = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final Place place;
    private final Code code;
    private final MicroVm vm;

    /**
     * Describes the machine.
     *
     * @param machine on which the rest is added
     * @param place where the code runs
     */
    public BusyMachine(MicroVmBuilder machine, Path disk, Place place, Code code) {
        this.place = place;
        this.code = code;
        vm = machine.virtioBlk(DiskImage.raw(disk))
                .virtioNet(UserNetwork.builder().build())
                .virtioDevice("own", new OwnEnd())
                .portDevice("own", 0x600, 4, this::device)
                .serial(new Output())
                .build();
        made.complete(vm);
        vm.onExit().thenRun(inDeviceOrEnded::countDown);
        vm.onExit().thenRun(() -> at(Place.EXIT));
    }

    public MicroVm vm() {
        return vm;
    }

    /**
     * Waits until the guest is in the device at port 0x600, where it stays until {@link #goOn}, or
     * has ended before it came there.
     */
    public void awaitInDevice() throws InterruptedException {
        if (!inDeviceOrEnded.await(SOON.toSeconds(), TimeUnit.SECONDS)) throw new AssertionError("not in the device");
    }

    /** Lets the device at port 0x600 return. */
    public void goOn() {
        goOn.countDown();
    }

    private void at(Place here) {
        if (here != place) return;
        try {
            code.run(made.join());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private BusDevice device(DeviceContext context) {
        at(Place.FACTORY);
        context.timers().timer(() -> at(Place.TIMER)).armAt(context.timers().nanoTime());
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                inDeviceOrEnded.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                at(Place.DEVICE);
                return 0;
            }

            @Override
            public void write(long offset, int size, long value) {}
        };
    }

    /** Lets go of everything, whatever the test left. */
    @Override
    public void close() {
        goOn();
        vm.close();
    }

    private final class Output extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            if (b == 't') at(Place.OUTPUT); // once, of "tiny kernel"
        }
    }

    private final class OwnEnd implements HostEnd {
        @Override
        public VirtioDevice create(VirtioTransport transport) {
            return new VirtioRng(transport, new SplittableRandom(1));
        }

        @Override
        public void end() {
            at(Place.HOST_END);
        }
    }
}
