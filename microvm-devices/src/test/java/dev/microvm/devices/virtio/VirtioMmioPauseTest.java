package dev.microvm.devices.virtio;

import static dev.microvm.devices.virtio.VirtioMmioRegisters.QUEUE_NOTIFY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.clock.Timers.Timer;
import dev.microvm.devices.virtio.testing.RecordingDevice;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.Signal;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a device's transport holds while the machine is paused. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class VirtioMmioPauseTest {
    private final List<RecordingDevice> devices = new ArrayList<>();
    private final VirtioDriver driver = new VirtioDriver(this::device).start();
    private final VirtioMmio mmio = driver.mmio();
    private final VirtioTransport transport = devices.getFirst().transport;
    private final List<String> log = new ArrayList<>();

    private RecordingDevice device(VirtioTransport of) {
        RecordingDevice made = new RecordingDevice(of, 8, 8);
        devices.add(made);
        return made;
    }

    private RecordingDevice device() {
        return devices.getLast();
    }

    @Test
    void runsInTheirOrderAfterThePause_whatBecameDueDuringIt() {
        Signal signal = transport.loop().signal(() -> log.add("signal"));
        Timer timer = transport.loop().timer(() -> log.add("timer"));
        mmio.pause();

        transport.loop().execute(() -> log.add("first"));
        signal.raise();
        transport.loop().execute(() -> log.add("second"));
        driver.loop().run();
        timer.armAt(transport.loop().nanoTime());
        driver.loop().clock().advance(0);
        assertThat(log).isEmpty();

        transport.loop().execute(() -> log.add("third, not yet run by the loop"));
        mmio.resume();
        driver.loop().run();
        assertThat(log).containsExactly("first", "signal", "second", "timer", "third, not yet run by the loop");
    }

    @Test
    void countsRaisesOfASignalOnce() {
        Signal signal = transport.loop().signal(() -> log.add("signal"));
        mmio.pause();
        for (int i = 0; i < 3; i++) {
            signal.raise();
            driver.loop().run();
        }

        mmio.resume();
        driver.loop().run();

        assertThat(log).containsExactly("signal");
    }

    @Test
    void keepsNotifications_thatTheLoopHadNotServed() {
        device().takeCalls();
        driver.write(QUEUE_NOTIFY, 1);
        mmio.pause();
        driver.write(QUEUE_NOTIFY, 0);
        driver.loop().run();
        assertThat(device().takeCalls()).containsExactly("pause");

        mmio.resume();
        driver.loop().run();
        assertThat(device().takeCalls()).containsExactly("resume", "notified 1", "notified 0");
    }

    @Test
    void keepsNotifications_thatAVcpuWouldServe() {
        device().byVcpu = true;
        device().takeCalls();
        mmio.pause();
        driver.write(QUEUE_NOTIFY, 0);
        assertThat(device().takeCalls()).containsExactly("pause");

        mmio.resume();
        driver.loop().run();
        assertThat(device().takeCalls()).containsExactly("resume", "notified 0");
    }

    @Test
    void givesATimerTheTimeThatItHadLeft() {
        Timer timer = transport.loop().timer(() -> log.add("timer"));
        timer.armAt(transport.loop().nanoTime() + 100);
        driver.loop().clock().advance(60);

        for (int pause = 0; pause < 3; pause++) {
            mmio.pause();
            driver.loop().clock().advance(1000);
            mmio.resume();
            driver.loop().run();
        }
        assertThat(transport.loop().nanoTime()).isEqualTo(60);

        driver.loop().clock().advance(39);
        assertThat(log).isEmpty();
        driver.loop().clock().advance(1);
        assertThat(log).containsExactly("timer");
        driver.loop().clock().advance(1000);
        assertThat(log).containsExactly("timer");
    }

    @Test
    void firesNoTimer_thatIsCancelledDuringThePause() {
        Timer timer = transport.loop().timer(() -> log.add("timer"));
        timer.armAt(transport.loop().nanoTime() + 100);
        mmio.pause();
        driver.loop().clock().advance(100);

        mmio.reset();
        timer.cancel();
        mmio.resume();
        driver.loop().run();

        assertThat(log).isEmpty();
    }

    @Test
    void waitsForWhatTheDeviceDoes_andLetsTheLoopServeOthers() throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(1);
        AtomicBoolean go = new AtomicBoolean();
        AtomicBoolean done = new AtomicBoolean();
        transport.loop().execute(() -> {
            begun.countDown();
            while (!go.get()) Thread.onSpinWait();
            done.set(true);
        });
        Thread loop = new Thread(() -> driver.loop().run());
        loop.start();
        begun.await();
        Thread pause = new Thread(mmio::pause);
        pause.start();
        while (!transport.pausing()) Thread.onSpinWait();

        go.set(true);
        pause.join();
        assertThat(done).isTrue();
        loop.join();

        transport.loop().execute(() -> log.add("the device's"));
        driver.loop().execute(() -> log.add("another's"));
        driver.loop().run();
        assertThat(log).containsExactly("another's");
    }

    @Test
    void pausesOnce_andResumesOnce() {
        device().takeCalls();
        mmio.resume();
        mmio.pause();
        mmio.pause();
        mmio.resume();
        mmio.resume();

        assertThat(device().takeCalls()).containsExactly("pause", "resume");
    }

    @Test
    void runsAgain_whenTheDeviceCannotBePaused() {
        device().onPause = () -> {
            throw new MicroVmException("the disk does not answer");
        };
        device().takeCalls();

        assertThatExceptionOfType(MicroVmException.class).isThrownBy(mmio::pause);
        driver.write(QUEUE_NOTIFY, 0);
        driver.loop().run();

        assertThat(device().takeCalls()).containsExactly("pause", "resume", "notified 0");
    }

    @Test
    void canBeRestoredWhilePaused_andServesWhenItIsResumed() {
        device().value = 7;
        mmio.pause();
        VirtioDriver other = new VirtioDriver(VirtioMmio.Version.MODERN, this::device, driver.memory());
        other.mmio().pause();

        other.mmio().restore(mmio.save());
        other.loop().run();
        assertThat(device().takeCalls()).doesNotContain("notified 0").contains("restore 7");
        assertThat(other.mmio().save()).isEqualTo(mmio.save());

        other.mmio().resume();
        other.loop().run();
        assertThat(device().takeCalls()).containsExactly("resume", "notified 0", "notified 1");
    }

    @Test
    void dropsWhatItKept_whenItIsClosed() {
        mmio.pause();
        transport.loop().execute(() -> log.add("task"));
        driver.loop().run();

        mmio.close();
        mmio.resume();
        driver.loop().run();

        assertThat(log).isEmpty();
    }
}
