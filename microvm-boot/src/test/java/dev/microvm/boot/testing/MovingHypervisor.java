package dev.microvm.boot.testing;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VcpuState;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A hypervisor whose machine, of one vCPU, moves with all its state into a new one on request,
 * while devices and memory stay. It shows that the SPI's state is complete.
 */
public final class MovingHypervisor extends ForwardingHypervisor {
    private final Map<Integer, GuestMemoryRegion> slots = new TreeMap<>();
    private List<IrqRoute> routes = List.of();
    private List<CpuidEntry> cpuid = List.of();
    private @Nullable VirtualMachine first; // has the memory
    private volatile @Nullable VirtualMachine vm;
    private volatile @Nullable Vcpu vcpu;
    private volatile boolean wanted;
    private volatile int moves;

    public MovingHypervisor(Hypervisor moved) {
        super(moved);
    }

    /** Moves the machine at the next instruction; any thread may call. */
    public void move() {
        wanted = true;
        Vcpu running = vcpu;
        if (running != null) running.kick();
    }

    /** Returns how often it has moved. */
    public int moves() {
        return moves;
    }

    @Override
    public VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock) {
        first = other.createVm(name, interruptMode, clock);
        vm = first;
        return proxy(VirtualMachine.class, this::onMachine);
    }

    private synchronized @Nullable Object onMachine(Method method, Object @Nullable [] arguments) throws Throwable {
        switch (method.getName()) {
            case "map" -> slots.put((Integer) argument(arguments, 0), (GuestMemoryRegion) argument(arguments, 1));
            case "routes" ->
                routes = ((List<?>) argument(arguments, 0))
                        .stream().map(IrqRoute.class::cast).toList();
            case "createVcpu" -> {
                vcpu = (Vcpu) call(vm, method, arguments);
                return proxy(Vcpu.class, this::onVcpu);
            }
            case "close" -> {
                VirtualMachine last = vm;
                if (last != null) last.close();
                if (first != null) first.close();
                return null;
            }
            default -> {}
        }
        return call(vm, method, arguments);
    }

    private @Nullable Object onVcpu(Method method, Object @Nullable [] arguments) throws Throwable {
        switch (method.getName()) {
            case "cpuid" ->
                cpuid = ((List<?>) argument(arguments, 0))
                        .stream().map(CpuidEntry.class::cast).toList();
            case "run" -> {
                Vcpu running = vcpu;
                if (running == null) throw new IllegalStateException("no vCPU");
                VcpuExit exit = running.run((ExitHandler) argument(arguments, 0));
                if (exit == VcpuExit.KICKED && wanted) moveNow(running);
                return exit;
            }
            default -> {}
        }
        return call(vcpu, method, arguments);
    }

    /** Moves the machine, on the vCPU's thread; interrupts wait meanwhile. */
    private synchronized void moveNow(Vcpu from) {
        wanted = false;
        VirtualMachine old = vm;
        if (old == null) return;
        VirtualMachine target = other.createVm("moved", old.interruptMode(), GuestClock.HOST);
        slots.forEach(target::map);
        target.routes(routes);
        Vcpu to = target.createVcpu(0);
        to.cpuid(cpuid);
        byte[] stored = VcpuState.of(from, old.interruptMode()).save().encode();
        VcpuState.from(DeviceState.decode(stored)).restore(to);
        target.clockNanos(old.clockNanos());
        vm = target;
        vcpu = to;
        if (!old.equals(first)) old.close();
        moves++;
    }

    private interface Handler {
        @Nullable
        Object handle(Method method, Object @Nullable [] arguments) throws Throwable;
    }

    private static Object argument(Object @Nullable [] arguments, int i) {
        if (arguments == null) throw new IllegalArgumentException("no arguments");
        return arguments[i];
    }

    private static @Nullable Object call(@Nullable Object target, Method method, Object @Nullable [] arguments)
            throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static <T> T proxy(Class<T> type, Handler handler) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(),
                new Class<?>[] {type},
                (self, method, arguments) -> handler.handle(method, arguments)));
    }
}
