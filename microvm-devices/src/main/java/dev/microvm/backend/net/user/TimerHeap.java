package dev.microvm.backend.net.user;

import java.util.Arrays;

/**
 * The timers of one thread, as a heap by deadline. Re-arming an armed timer for later does not
 * change the heap until the earlier deadline; this is the most frequent operation of TCP. Deadlines
 * are nanoseconds of one monotonic clock.
 */
final class TimerHeap {
    private static final int NOT_QUEUED = -1;

    private Timer[] heap = new Timer[16];
    private int size;

    /** A callback that can be armed any number of times. */
    final class Timer {
        private final Runnable action;
        private int index = NOT_QUEUED;
        private boolean armed;
        private long deadline;
        private long queuedFor; // its place in the heap; not after the deadline

        private Timer(Runnable action) {
            this.action = action;
        }

        void armAt(long newDeadline) {
            deadline = newDeadline;
            armed = true;
            if (index != NOT_QUEUED && newDeadline - queuedFor >= 0) return;
            queuedFor = newDeadline;
            if (index == NOT_QUEUED) add(this);
            else up(index);
        }

        /** Disarms the timer. Its entry leaves the heap when its time comes. */
        void cancel() {
            armed = false;
        }

        boolean isArmed() {
            return armed;
        }

        /** Disarms the timer permanently. */
        void close() {
            armed = false;
            if (index != NOT_QUEUED) removeAt(index);
        }
    }

    Timer timer(Runnable action) {
        return new Timer(action);
    }

    /**
     * Returns the nanoseconds until a timer may be due, 0 if one is; {@link Long#MAX_VALUE} if no
     * timer is armed.
     */
    long delay(long now) {
        return size == 0 ? Long.MAX_VALUE : Math.max(0, heap[0].queuedFor - now);
    }

    /** Runs the due timers, each at most once. */
    void run(long now) {
        for (int left = size; left > 0 && size > 0 && heap[0].queuedFor - now <= 0; left--) {
            Timer timer = heap[0];
            removeAt(0);
            if (!timer.armed) continue;
            if (timer.deadline - now > 0) {
                timer.armAt(timer.deadline);
            } else {
                timer.armed = false;
                timer.action.run();
            }
        }
    }

    private void add(Timer timer) {
        if (size == heap.length) heap = Arrays.copyOf(heap, 2 * size);
        place(timer, size);
        up(size++);
    }

    private void removeAt(int index) {
        heap[index].index = NOT_QUEUED;
        Timer last = heap[--size];
        if (last.index == NOT_QUEUED) return; // it was the last
        place(last, index);
        up(index);
        down(last.index);
    }

    private void up(int from) {
        int index = from;
        Timer timer = heap[index];
        while (index > 0 && before(timer, heap[(index - 1) / 2])) {
            place(heap[(index - 1) / 2], index);
            index = (index - 1) / 2;
        }
        place(timer, index);
    }

    private void down(int from) {
        int index = from;
        Timer timer = heap[index];
        while (true) {
            int child = 2 * index + 1;
            if (child + 1 < size && before(heap[child + 1], heap[child])) child++;
            if (child >= size || !before(heap[child], timer)) break;
            place(heap[child], index);
            index = child;
        }
        place(timer, index);
    }

    private void place(Timer timer, int index) {
        heap[index] = timer;
        timer.index = index;
    }

    private static boolean before(Timer a, Timer b) {
        return a.queuedFor - b.queuedFor < 0;
    }
}
