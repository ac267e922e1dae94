package dev.microvm.vcpu;

/**
 * Where a vCPU's thread waits, outside of {@link dev.microvm.hypervisor.Vcpu#run}, while its vCPU
 * must not run. The thread asks {@link #isShut} before each run; any other thread may shut the gate
 * and wait until the thread has come to it.
 *
 * <p>Three wishes shut it: the pause of all vCPUs, the stop of this one by a {@link DebugListener},
 * and a {@link DutyCycle} that is used up. It opens when none is left.
 */
final class PauseGate {
    private static final long NANOS_PER_MILLI = 1_000_000;

    private volatile boolean shut; // somebody wants it, and it is not opened for good; written under the lock

    // Guarded by this
    private boolean paused;
    private boolean held;
    private boolean throttled;
    private boolean openForGood;
    private boolean oneRun; // lets the thread through once, although it is shut
    private boolean inside; // the thread has passed, and may run the guest

    /** Whether the thread must go to {@link #pass} before it runs the guest. */
    boolean isShut() {
        return shut;
    }

    /** Shuts the gate for a pause, or opens it after one. */
    synchronized void paused(boolean now) {
        paused = now;
        update();
    }

    /** Shuts the gate for a debugger, or opens it after that. */
    synchronized void held(boolean now) {
        held = now;
        update();
    }

    /** Shuts the gate for the rest of a duty cycle, or opens it after that. */
    synchronized void throttled(boolean now) {
        throttled = now;
        update();
    }

    /** Whether a debugger holds the vCPU. */
    synchronized boolean isHeld() {
        return held;
    }

    /** Opens the gate for the thread to end; nothing shuts it any more. */
    synchronized void openForGood() {
        openForGood = true;
        update();
    }

    private void update() {
        shut = (paused || held || throttled) && !openForGood;
        notifyAll();
    }

    /** Lets the thread through once, for one run of the guest, although the gate is shut. */
    synchronized void admitOneRun() {
        oneRun = true;
        inside = true; // from now on, so that whoever waits for the end of that run does not come too early
        notifyAll();
    }

    /**
     * Waits on the vCPU's thread until the gate is open or admits it for one run, and goes through
     * it. An interrupt does not end the wait.
     *
     * @return whether it is for one run
     */
    synchronized boolean pass() {
        inside = oneRun;
        notifyAll();
        boolean interrupted = false;
        while (shut && !oneRun) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        inside = true;
        boolean once = oneRun;
        oneRun = false;
        if (interrupted) Thread.currentThread().interrupt();
        return once;
    }

    /** Leaves for good, on the vCPU's thread, which ends. */
    synchronized void leave() {
        inside = false;
        notifyAll();
    }

    /**
     * Waits until the vCPU's thread is at the gate, or has ended or not begun. An interrupt does
     * not end the wait.
     *
     * @param deadline on the clock of {@link System#nanoTime}
     * @return whether it came in time
     */
    synchronized boolean awaitOutside(long deadline) {
        boolean interrupted = false;
        long left = deadline - System.nanoTime();
        while (inside && left > 0) {
            try {
                wait(left / NANOS_PER_MILLI, (int) (left % NANOS_PER_MILLI));
            } catch (InterruptedException e) {
                interrupted = true;
            }
            left = deadline - System.nanoTime();
        }
        if (interrupted) Thread.currentThread().interrupt();
        return !inside;
    }
}
