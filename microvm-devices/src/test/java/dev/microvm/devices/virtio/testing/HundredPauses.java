package dev.microvm.devices.virtio.testing;

import dev.microvm.devices.virtio.VirtioMmio;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Pauses a device a hundred times while it works, and checks each time that it stands still until
 * it is resumed.
 */
public final class HundredPauses {
    private static final int PAUSES = 100;
    private static final int LOOKS = 1000; // at the rings of a paused device

    private HundredPauses() {}

    /**
     * Repeats a piece of work with a device, on this thread, until another thread has paused the
     * device a hundred times. At least one repetition begins between two pauses.
     */
    public static void during(VirtioDriver driver, Runnable work) {
        AtomicInteger repetitions = new AtomicInteger();
        AtomicBoolean over = new AtomicBoolean();
        CompletableFuture<Void> pauses = CompletableFuture.runAsync(() -> {
            for (int i = 0; i < PAUSES && !over.get(); i++) {
                int before = repetitions.get();
                while (repetitions.get() == before && !over.get()) Thread.onSpinWait();
                pauseOnce(driver);
            }
        });
        try {
            while (!pauses.isDone()) {
                work.run();
                repetitions.incrementAndGet();
            }
        } finally {
            over.set(true);
        }
        pauses.join();
        driver.loop().run();
    }

    private static void pauseOnce(VirtioDriver driver) {
        VirtioMmio mmio = driver.mmio();
        mmio.pause();
        int[] used = usedIndices(driver);
        for (int look = 0; look < LOOKS; look++) {
            Thread.onSpinWait();
            if (!Arrays.equals(used, usedIndices(driver)))
                throw new AssertionError("a paused device completes buffers");
        }
        mmio.resume();
    }

    private static int[] usedIndices(VirtioDriver driver) {
        int[] indices = new int[driver.mmio().queueCount()];
        for (int i = 0; i < indices.length; i++) indices[i] = driver.queue(i).usedIndex();
        return indices;
    }
}
