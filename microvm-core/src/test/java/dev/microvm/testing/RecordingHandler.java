package dev.microvm.testing;

import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.vcpu.VcpuLoop;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongUnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Records the accesses of a guest, serves its reads from a function, and kicks its vCPU when it
 * writes to the exit port.
 */
public final class RecordingHandler implements ExitHandler, VcpuLoop.Listener {
    /** Ports of guest.inc. */
    public static final int COM1 = 0x3f8;

    public static final int EXIT_PORT = 0xf4;
    public static final int DEVICE_PORT = 0x500;
    public static final long DEVICE_MMIO = 0xd000_0000L;

    /** One access of the guest. */
    public record Access(long address, int size, long value) {}

    private final List<Character> serial = new CopyOnWriteArrayList<>();
    private final List<Access> writes = new CopyOnWriteArrayList<>();
    private final AtomicInteger reads = new AtomicInteger();
    private volatile LongUnaryOperator answer = nth -> -1;
    private volatile @Nullable Vcpu vcpu;
    private final CompletableFuture<Integer> exit = new CompletableFuture<>();

    /** Makes a handler that has seen nothing. */
    public RecordingHandler() {}

    /** Sets the vCPU to kick when the guest writes to the exit port. */
    public void endsWith(Vcpu ending) {
        vcpu = ending;
    }

    /** Sets the value that the nth read of a port or address returns; n counts from 0. */
    public void answer(LongUnaryOperator nthRead) {
        answer = nthRead;
    }

    /** Returns the text that the guest wrote to its serial port. */
    public String serial() {
        return serial.stream().map(String::valueOf).collect(Collectors.joining());
    }

    /** Returns the other writes of the guest, oldest first. */
    public List<Access> writes() {
        return writes;
    }

    /** Returns the values of {@link #writes}. */
    public List<Long> values() {
        return writes.stream().map(Access::value).toList();
    }

    /** Returns the value that the guest wrote to the exit port, or -1. */
    public int exitCode() {
        return exit.getNow(-1);
    }

    /** Returns a future that completes when the guest writes to the exit port. */
    public CompletableFuture<Integer> exit() {
        return exit;
    }

    @Override
    public long portIn(int port, int size) {
        return answer.applyAsLong(reads.getAndIncrement());
    }

    @Override
    public void portOut(int port, int size, long value) {
        switch (port) {
            case COM1 -> serial.add((char) value);
            case EXIT_PORT -> {
                exit.complete((int) value);
                Vcpu ending = vcpu;
                if (ending != null) ending.kick();
            }
            default -> writes.add(new Access(port, size, value));
        }
    }

    @Override
    public long mmioRead(long gpa, int size) {
        return answer.applyAsLong(reads.getAndIncrement());
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        writes.add(new Access(gpa, size, value));
    }

    @Override
    public void endOfInterrupt(int vector) {
        writes.add(new Access(vector, 0, 0));
    }

    @Override
    public void shutdown(int index) {
        exit.completeExceptionally(new AssertionError("vCPU " + index + ": triple fault"));
    }

    @Override
    public void failed(int index, Throwable cause) {
        exit.completeExceptionally(new AssertionError("vCPU " + index + " failed", cause));
    }
}
