package dev.microvm.boot.testing;

import dev.microvm.clock.GuestClock;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.irq.IrqLine;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** A hypervisor that counts how its machine's devices are notified and how they interrupt. */
public final class WatchedHypervisor extends ForwardingHypervisor {
    private final Set<Doorbell> doorbells = ConcurrentHashMap.newKeySet();
    private final Set<Integer> otherLines = ConcurrentHashMap.newKeySet();
    private final Map<Integer, LongAdder> edges = new ConcurrentHashMap<>();
    private final Map<Long, LongAdder> writes = new ConcurrentHashMap<>();

    public WatchedHypervisor(Hypervisor watched) {
        super(watched);
    }

    /** Returns the writes that the hypervisor turns into signals by itself. */
    public Set<Doorbell> doorbells() {
        return doorbells;
    }

    /** Returns how many writes to this address caused exits. */
    public long exitsByWrite(long gpa) {
        return count(writes.get(gpa));
    }

    /** Returns the number of edges on the line {@link VirtualMachine#edgeLine} with this number. */
    public long edges(int gsi) {
        return count(edges.get(gsi));
    }

    /** Returns the numbers of the {@linkplain VirtualMachine#irqLine other lines}. */
    public Set<Integer> otherLines() {
        return otherLines;
    }

    private static long count(@Nullable LongAdder adder) {
        return adder == null ? 0 : adder.sum();
    }

    @Override
    public VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock) {
        VirtualMachine vm = other.createVm(name, interruptMode, clock);
        return Intercepted.of(VirtualMachine.class, vm, (method, arguments, answer) -> switch (method) {
            case "createVcpu" -> watch((Vcpu) answer.proceed());
            case "edgeLine" -> watch((IrqLine) answer.proceed(), (Integer) arguments[0]);
            case "irqLine" -> {
                otherLines.add((Integer) arguments[0]);
                yield answer.proceed();
            }
            case "doorbell" -> {
                doorbells.add((Doorbell) arguments[0]);
                yield answer.proceed();
            }
            default -> answer.proceed();
        });
    }

    private IrqLine watch(IrqLine line, int gsi) {
        LongAdder count = edges.computeIfAbsent(gsi, number -> new LongAdder());
        return new IrqLine() {
            @Override
            public void set(boolean level) {
                if (level) count.increment();
                line.set(level);
            }

            @Override
            public void pulse() {
                count.increment();
                line.pulse();
            }
        };
    }

    private Vcpu watch(Vcpu vcpu) {
        return Intercepted.of(
                Vcpu.class,
                vcpu,
                (method, arguments, answer) ->
                        method.equals("run") ? vcpu.run(watch((ExitHandler) arguments[0])) : answer.proceed());
    }

    private ExitHandler watch(ExitHandler handler) {
        return Intercepted.of(ExitHandler.class, handler, (method, arguments, answer) -> {
            if (method.equals("mmioWrite")) {
                writes.computeIfAbsent((Long) arguments[0], gpa -> new LongAdder())
                        .increment();
            }
            return answer.proceed();
        });
    }
}
