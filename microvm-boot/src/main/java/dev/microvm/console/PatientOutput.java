package dev.microvm.console;

import dev.microvm.devices.legacy.Uart16550;
import java.util.concurrent.Semaphore;

/**
 * The console output of a guest with an instruction clock. While a reader is a whole buffer behind,
 * the vCPU's thread waits for it. No guest time passes meanwhile.
 */
public final class PatientOutput implements Uart16550.Output {
    private final ConsoleBuffer buffer;
    private final Semaphore room = new Semaphore(0);

    public PatientOutput(ConsoleBuffer buffer) {
        this.buffer = buffer;
    }

    /** Wakes the waiting thread: the buffer may have room again. */
    public void roomAgain() {
        room.release();
    }

    /**
     * Always takes the character. It is lost if the thread is interrupted: the machine is being
     * closed.
     */
    @Override
    public boolean offer(int character) {
        while (!buffer.offer(character)) {
            try {
                room.acquire();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return true;
            }
        }
        return true;
    }
}
