package dev.microvm.boot.testing;

import dev.microvm.clock.GuestClock;
import dev.microvm.clock.Timers;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.zip.CRC32C;

/**
 * The states of a machine with an instruction clock, one on a line, each between two blocks: its
 * time, all registers, and now and then a checksum of its memory.
 */
final class StateTrace extends ForwardingHypervisor {
    /** The memory is looked at once for so many states. */
    private static final int STATES_OF_A_MEMORY = 1000;

    /** For a boot whose blocks are compared one by one. */
    private static final Duration LIMIT = Duration.ofHours(1);

    private final PrintStream out;
    private final long from;
    private final long period;
    private final List<GuestMemoryRegion> memory = new CopyOnWriteArrayList<>();
    private long states;

    /**
     * Traces the machines of a hypervisor.
     *
     * @param from the first time, in nanoseconds of the guest
     * @param period from one state to the next; 1 is each block
     */
    private StateTrace(Hypervisor traced, PrintStream out, long from, long period) {
        super(traced);
        this.out = out;
        this.from = from;
        this.period = period;
    }

    /**
     * Runs {@link RepeatableRun}'s machine, and prints its states: argument 0 is the folder with its
     * kernel, arguments 1 and 2 are the first time and the period.
     */
    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        RepeatableRun run = RepeatableRun.of(
                Path.of(arguments[0]),
                LIMIT,
                engine -> new StateTrace(engine, out, Long.parseLong(arguments[1]), Long.parseLong(arguments[2])));
        out.println(run.exit() + " console " + run.console().hashCode());
        out.flush();
    }

    @Override
    public VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock) {
        VirtualMachine vm = other.createVm(name, interruptMode, clock);
        return Intercepted.of(VirtualMachine.class, vm, (method, arguments, answer) -> {
            Object result = answer.proceed();
            if (method.equals("map")) memory.add((GuestMemoryRegion) arguments[1]);
            if (method.equals("createVcpu")) trace((Vcpu) result, vm);
            return result;
        });
    }

    private void trace(Vcpu vcpu, VirtualMachine vm) {
        Timers.Timer[] self = new Timers.Timer[1];
        self[0] = vm.eventLoop().timer(() -> {
            long nanos = vm.eventLoop().nanoTime();
            out.println(nanos + " " + state(vcpu));
            self[0].armAt(nanos + period);
        });
        self[0].armAt(from);
    }

    private String state(Vcpu vcpu) {
        SpecialRegisters special = vcpu.specialRegisters();
        FpuState fpu = vcpu.fpuState();
        String registers = "%s segments=%08x cr2=%x cr3=%x vectors=%08x"
                .formatted(
                        vcpu.registers().toString().replace('\n', ' '),
                        special.hashCode(),
                        special.cr2(),
                        special.cr3(),
                        fpu.hashCode());
        return states++ % STATES_OF_A_MEMORY == 0 ? registers + " memory=%08x".formatted(memorySum()) : registers;
    }

    private long memorySum() {
        CRC32C sum = new CRC32C();
        for (GuestMemoryRegion each : memory) sum.update(each.segment().asByteBuffer());
        return sum.getValue();
    }
}
