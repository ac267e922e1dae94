package dev.microvm.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.Arena;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class ThreadKickTest {
    private static final int NO_THREAD = 0x3fff_ffff; // above the kernel's largest thread number
    private static final long EVENT_SIZE = 16;

    @Test
    void endsABlockingCall_whenItsThreadIsKicked() throws Exception {
        try (FileDescriptor epoll = new FileDescriptor(Libc.epollCreate(0))) {
            CompletableFuture<Integer> thread = new CompletableFuture<>();
            CompletableFuture<Integer> result = CompletableFuture.supplyAsync(() -> waitForNothing(epoll, thread));

            kickUntilDone(thread.get(20, TimeUnit.SECONDS), result);

            assertThat(result.get(20, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
        }
    }

    @Test
    void harmsNothing_whenAThreadComputes() throws Exception {
        CompletableFuture<Integer> thread = new CompletableFuture<>();
        CompletableFuture<Long> sum = CompletableFuture.supplyAsync(() -> compute(thread));

        kickUntilDone(thread.get(20, TimeUnit.SECONDS), sum);

        assertThat(sum.get(20, TimeUnit.SECONDS)).isEqualTo(199_999_999L * 200_000_000L / 2);
    }

    @Test
    void throws_whenThereIsNoSuchThread() {
        assertThatExceptionOfType(ErrnoException.class)
                .isThrownBy(() -> ThreadKick.kick(NO_THREAD))
                .withMessage("tgkill: ESRCH (no such thread or process)");
    }

    private static int waitForNothing(FileDescriptor epoll, CompletableFuture<Integer> thread) {
        try (Arena arena = Arena.ofConfined()) {
            thread.complete(ThreadKick.currentThread());
            return Libc.epollWait(epoll.value(), arena.allocate(EVENT_SIZE, Long.BYTES), 1);
        }
    }

    private static long compute(CompletableFuture<Integer> thread) {
        thread.complete(ThreadKick.currentThread());
        long sum = 0;
        for (int i = 0; i < 200_000_000; i++) sum += i;
        return sum;
    }

    /** The pool's thread outlives its task by far, so it is there to be kicked. */
    private static void kickUntilDone(int thread, CompletableFuture<?> result) throws InterruptedException {
        while (!result.isDone()) {
            ThreadKick.kick(thread);
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }
}
