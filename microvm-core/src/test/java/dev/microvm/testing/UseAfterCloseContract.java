package dev.microvm.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.RamBacking;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every {@link Hypervisor}'s vCPUs and machines do when they are used after they were closed:
 * they say so, or do nothing where their interface promises that; the process lives. The tests of
 * each implementation extend it.
 */
@Timeout(60)
public abstract class UseAfterCloseContract {
    /** What a vCPU that is closed still does. */
    private static final Set<String> HARMLESS_OF_VCPU = Set.of("index", "kick", "close");

    /** What a machine that is closed still does: what never changes, and nothing. */
    private static final Set<String> HARMLESS_OF_MACHINE = Set.of(
            "interruptMode", "maxVcpus", "supportedCpuid", "routes", "signalMsi", "pauseClock", "resumeClock", "close");

    private static final int PAGE = 4096;

    private final Map<Class<?>, Object> arguments = new HashMap<>();
    private TinyGuest guest;
    private EventLoop loop;

    /** Returns the implementation under test. */
    protected abstract Hypervisor hypervisor();

    @BeforeEach
    void collectArguments() {
        guest = new TinyGuest(hypervisor(), InterruptMode.SPLIT, "spin").startLong();
        loop = guest.vm().eventLoop();
        Vcpu vcpu = guest.vcpu();
        arguments.put(int.class, 0);
        arguments.put(long.class, 0L);
        arguments.put(boolean.class, true);
        arguments.put(int[].class, vcpu.msrIndices());
        arguments.put(List.class, List.of());
        arguments.put(ExitHandler.class, NoDevices.HANDLER);
        arguments.put(Registers.class, vcpu.registers());
        arguments.put(SpecialRegisters.class, vcpu.specialRegisters());
        arguments.put(FpuState.class, vcpu.fpuState());
        arguments.put(DebugRegisters.class, vcpu.debugRegisters());
        arguments.put(VcpuEvents.class, vcpu.events());
        arguments.put(LapicState.class, vcpu.lapic());
        arguments.put(ActivityState.class, ActivityState.RUNNING);
        arguments.put(GuestDebug.class, GuestDebug.OFF);
        arguments.put(Capability.class, Capability.DOORBELL);
        arguments.put(ClockOnResume.class, ClockOnResume.CONTINUE);
        arguments.put(RamBacking.class, RamBacking.anonymous());
        arguments.put(
                GuestMemoryRegion.class,
                new GuestMemoryRegion(1 << 30, guest.vm().allocate(PAGE), false));
        arguments.put(Doorbell.class, Doorbell.port(0x500, 1));
        arguments.put(Signal.class, loop.signal(() -> {}));
    }

    @AfterEach
    void closeLoop() {
        loop.close();
        guest.close();
    }

    static Stream<Method> methodsOfVcpu() {
        return methodsOf(Vcpu.class);
    }

    static Stream<Method> methodsOfMachine() {
        return methodsOf(VirtualMachine.class);
    }

    private static Stream<Method> methodsOf(Class<?> type) {
        return Arrays.stream(type.getMethods()).filter(method -> !Modifier.isStatic(method.getModifiers()));
    }

    @ParameterizedTest
    @MethodSource("methodsOfVcpu")
    void saysThatTheVcpuIsClosed_whenItWasClosed(Method method) {
        guest.vcpu().close();

        assertSaysItIsClosed(guest.vcpu(), method, HARMLESS_OF_VCPU);
    }

    @ParameterizedTest
    @MethodSource("methodsOfVcpu")
    void saysThatTheVcpuIsClosed_whenItsMachineWasClosed(Method method) {
        loop.close();
        guest.vm().close();

        assertSaysItIsClosed(guest.vcpu(), method, HARMLESS_OF_VCPU);
    }

    @ParameterizedTest
    @MethodSource("methodsOfMachine")
    void saysThatTheMachineIsClosed(Method method) {
        loop.close();
        guest.vm().close();

        assertSaysItIsClosed(guest.vm(), method, HARMLESS_OF_MACHINE);
    }

    private void assertSaysItIsClosed(Object closed, Method method, Set<String> harmless) {
        if (harmless.contains(method.getName())) {
            assertThatCode(() -> call(closed, method)).doesNotThrowAnyException();
        } else {
            assertThatIllegalStateException()
                    .isThrownBy(() -> call(closed, method))
                    .withMessageContaining("is closed");
        }
    }

    private void call(Object target, Method method) throws Throwable {
        Object[] given = Arrays.stream(method.getParameterTypes())
                .map(type -> {
                    assertThat(arguments).containsKey(type);
                    return arguments.get(type);
                })
                .toArray();
        try {
            method.invoke(target, given);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** Page tables of the guest are read here: by raw address on the engine. */
    @RepeatedTest(20)
    void readsStateOrSaysThatItIsClosed_whileTheMachineIsClosed() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        Vcpu vcpu = guest.vcpu();
        Thread reader = Thread.ofPlatform().start(() -> {
            try {
                while (true) {
                    vcpu.translate(TinyGuest.ORIGIN);
                    vcpu.specialRegisters(vcpu.specialRegisters());
                    begun.countDown();
                }
            } catch (IllegalStateException closed) {
                begun.countDown();
            }
        });
        begun.await();
        loop.close();
        guest.vm().close();
        reader.join();

        assertThatIllegalStateException().isThrownBy(() -> vcpu.translate(0));
    }

    @Test
    void doesNothing_whenALineOfAClosedMachineIsDriven() {
        var line = guest.vm().irqLine(4);
        var edge = guest.vm().edgeLine(5);
        loop.close();
        guest.vm().close();

        assertThatCode(() -> {
                    line.set(true);
                    line.set(false);
                    edge.pulse();
                })
                .doesNotThrowAnyException();
    }
}
