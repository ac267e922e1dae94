package dev.microvm.backend.net.user;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Answers questions for addresses by the name resolution of this process. Resolution blocks, so it
 * runs on a few threads of its own.
 */
final class HostNames implements AutoCloseable {
    private static final int THREADS = 4;
    private static final int QUEUE = 64;
    private static final int IDLE_SECONDS = 10;

    private final ThreadPoolExecutor threads;

    HostNames(String threadName) {
        threads = new ThreadPoolExecutor(
                THREADS,
                THREADS,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(QUEUE),
                Thread.ofPlatform().name(threadName).daemon().factory());
        threads.allowCoreThreadTimeOut(true);
    }

    /**
     * Passes the answer to {@code answered}, on any thread. Drops the question if there are too
     * many.
     */
    void resolve(DnsMessage question, Consumer<byte[]> answered) {
        switch (question.type()) {
            case DnsMessage.TYPE_A -> {
                try {
                    threads.execute(() -> answered.accept(lookUp(question)));
                } catch (RejectedExecutionException e) {
                    // the guest asks again
                }
            }
            case DnsMessage.TYPE_AAAA -> answered.accept(question.answer(DnsMessage.NO_ERROR, List.of()));
            default -> answered.accept(question.answer(DnsMessage.NOT_IMPLEMENTED, List.of()));
        }
    }

    private static byte[] lookUp(DnsMessage question) {
        try {
            List<Integer> addresses = Arrays.stream(InetAddress.getAllByName(question.name()))
                    .filter(Inet4Address.class::isInstance)
                    .map(Ipv4Address::of)
                    .toList();
            return question.answer(DnsMessage.NO_ERROR, addresses);
        } catch (UnknownHostException e) {
            return question.answer(DnsMessage.NO_SUCH_NAME, List.of());
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
