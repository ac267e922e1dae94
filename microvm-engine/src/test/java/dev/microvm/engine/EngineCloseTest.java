package dev.microvm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.testing.TinyGuest;
import dev.microvm.vcpu.VcpuLoop;
import dev.microvm.vcpu.VcpuThreads;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whatever a guest does, its machine is closed within a second. */
@Timeout(60)
final class EngineCloseTest {
    private static final Duration LIMIT = Duration.ofSeconds(1);

    private static final class Device implements NoDevices, VcpuLoop.Listener {
        final CountDownLatch ready = new CountDownLatch(1);
        private final int way;
        volatile @Nullable Throwable problem;

        /** Makes one that tells guest "busy" how to be it, by a number of its list. */
        Device(int way) {
            this.way = way;
        }

        @Override
        public long portIn(int port, int size) {
            return way;
        }

        @Override
        public void portOut(int port, int size, long value) {
            ready.countDown();
        }

        @Override
        public void shutdown(int vcpu) {
            problem = new AssertionError("a triple fault");
        }

        @Override
        public void failed(int vcpu, Throwable cause) {
            problem = cause;
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, spins",
        "1, halts with interrupts off",
        "2, waits for interrupts",
        "3, fills registers of a device",
        "4, copies registers of a device",
        "5, reads a port by a string instruction",
        "6, compares memory by a string instruction",
        "7, faults in the handler of faults",
        "8, has no page where its handler of page faults is"
    })
    void closesWithinASecond(int way, String what) throws Exception {
        Device device = new Device(way);
        try (TinyGuest guest = new TinyGuest(new EngineHypervisor(), InterruptMode.SPLIT, "busy").startLong()) {
            closesInTime(guest, device, new VcpuLoop(guest.vcpu(), device, device));
            assertThat(device.problem).as(what).isNull();
        }
    }

    @Test
    void closesWithinASecond_whenOtherCpusWaitToBeStarted() throws Exception {
        Device device = new Device(0);
        try (TinyGuest guest = new TinyGuest(new EngineHypervisor(), InterruptMode.SPLIT, "busy").startLong()) {
            Vcpu second = guest.vm().createVcpu(1);
            Vcpu third = guest.vm().createVcpu(2);
            closesInTime(
                    guest,
                    device,
                    new VcpuLoop(guest.vcpu(), device, device),
                    new VcpuLoop(second, device, device),
                    new VcpuLoop(third, device, device));
        }
    }

    private static void closesInTime(TinyGuest guest, Device device, VcpuLoop... loops) throws Exception {
        VcpuThreads threads = new VcpuThreads("busy", List.of(loops));
        threads.start();
        assertThat(device.ready.await(20, TimeUnit.SECONDS)).isTrue();
        TimeUnit.MILLISECONDS.sleep(20); // into what it is busy with
        long start = System.nanoTime();
        boolean ended = threads.stopAndJoin(LIMIT.multipliedBy(10));
        if (ended) guest.close();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LIMIT);
        assertThat(ended).isTrue();
    }
}
