package dev.microvm.testing;

import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.DebugEvent;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Vcpu} without a guest: the test decides what each run does. Its state methods throw
 * {@link UnsupportedOperationException}, unless the test {@linkplain #state gave} it one.
 */
public final class ScriptedVcpu {
    /** The event of each debug exit. */
    public static final DebugEvent DEBUG_EVENT = new DebugEvent(0x1000, true, false, 0);

    private final int index;
    private final Supplier<VcpuExit> script;
    private final Semaphore kicked;
    private final CountDownLatch ran = new CountDownLatch(1);
    private final AtomicInteger runs = new AtomicInteger();
    private final AtomicInteger kicks = new AtomicInteger();
    private final Vcpu vcpu;
    private volatile boolean windowWanted;
    private volatile @Nullable State state;

    private record State(ActivityState activity, Registers registers, VcpuEvents events) {}

    private ScriptedVcpu(int index, Supplier<VcpuExit> script, Semaphore kicked) {
        this.index = index;
        this.script = script;
        this.kicked = kicked;
        vcpu = (Vcpu) Proxy.newProxyInstance(
                Vcpu.class.getClassLoader(),
                new Class<?>[] {Vcpu.class},
                (proxy, method, arguments) -> call(method.getName(), arguments));
    }

    /** Makes a vCPU that calls {@code script} at each run. */
    public static ScriptedVcpu running(int index, Supplier<VcpuExit> script) {
        return new ScriptedVcpu(index, script, new Semaphore(0));
    }

    /** Makes a vCPU whose runs return {@code exits}, one after the other. */
    public static ScriptedVcpu exiting(int index, VcpuExit... exits) {
        Queue<VcpuExit> left = new ArrayDeque<>(List.of(exits));
        return running(index, left::remove);
    }

    /** Makes a vCPU that runs until it is kicked. */
    public static ScriptedVcpu spinning(int index) {
        Semaphore kicked = new Semaphore(0);
        return new ScriptedVcpu(
                index,
                () -> {
                    kicked.acquireUninterruptibly();
                    return VcpuExit.KICKED;
                },
                kicked);
    }

    /** Gives it a state: what it does, its flags, and whether an NMI waits. */
    public ScriptedVcpu state(ActivityState activity, long rflags, boolean nmiPending) {
        VcpuEvents events = new VcpuEvents(false, false, 0, false, 0, false, 0, false, 0, false, nmiPending, false, 0);
        state = new State(activity, Registers.ZERO.withRflags(rflags), events);
        return this;
    }

    private State state(String method) {
        State given = state;
        if (given == null) throw new UnsupportedOperationException(method);
        return given;
    }

    private Object call(String method, @Nullable Object[] arguments) {
        return switch (method) {
            case "index" -> index;
            case "run" -> {
                runs.incrementAndGet();
                ran.countDown();
                yield script.get();
            }
            case "kick" -> {
                kicks.incrementAndGet();
                kicked.release();
                yield method;
            }
            case "activity" -> state(method).activity;
            case "registers" -> state(method).registers;
            case "events" -> state(method).events;
            case "debugEvent" -> DEBUG_EVENT;
            case "readyForInterrupt" -> false;
            case "requestInterruptWindow" -> {
                windowWanted = (boolean) arguments[0];
                yield method;
            }
            default -> throw new UnsupportedOperationException(method);
        };
    }

    /** The vCPU. */
    public Vcpu vcpu() {
        return vcpu;
    }

    /** Whether it was last asked for an interrupt window. */
    public boolean windowWanted() {
        return windowWanted;
    }

    /** Returns how often it was run. */
    public int runs() {
        return runs.get();
    }

    /** Returns how often it was kicked. */
    public int kicks() {
        return kicks.get();
    }

    /** Waits up to 20 s until its first run has begun. */
    public void awaitRun() throws InterruptedException {
        if (!ran.await(20, TimeUnit.SECONDS)) throw new AssertionError("vCPU " + index + " was not run in 20 s");
    }
}
