package dev.microvm.console;

import dev.microvm.devices.legacy.Uart16550;
import java.util.concurrent.Semaphore;

/**
 * The console of a guest with a clock of its own: when a reader is a whole buffer behind, the vCPU's thread waits for it,
 * instead of the guest, in whose time that takes none.
 */
public final class PatientOutput implements Uart16550.Output {
    private final ConsoleBuffer buffer;
    private final Semaphore room = new Semaphore(0);

    public PatientOutput(ConsoleBuffer buffer) {
        this.buffer = buffer;
    }

    /** Says that the buffer may have room again. */
    public void roomAgain() {
        room.release();
    }

    /** Takes the character always; it is lost if the thread is interrupted, because the machine is being closed. */
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
