package dev.microvm.boot.testing;

import dev.microvm.clock.GuestClock;
import dev.microvm.clock.Timers;
import dev.microvm.event.EventLoop;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;

/**
 * A hypervisor that records the state of each vCPU: its time and all general registers with RIP and
 * RFLAGS. It records at each exit to a device, and between two instructions every {@link
 * #PERIOD_NANOS} of guest time.
 */
final class TracedHypervisor extends ForwardingHypervisor {
    private static final long PRIME = 0x0000_0100_0000_01b3L; // FNV-1a, 64 bits
    private static final long PERIOD_NANOS = 50_000;

    private long digest = 0xcbf2_9ce4_8422_2325L;
    private long records;
    private long nanos;

    TracedHypervisor(Hypervisor traced) {
        super(traced);
    }

    /** Returns a hash of the record, with its size and its last time. */
    String trace() {
        return "%016x of %d records to %d ns".formatted(digest, records, nanos);
    }

    private void record(Vcpu vcpu, EventLoop time) {
        nanos = time.nanoTime();
        Registers r = vcpu.registers();
        mix(nanos);
        for (long each : new long[] {r.rax(), r.rbx(), r.rcx(), r.rdx(), r.rsi(), r.rdi(), r.rsp(), r.rbp()}) mix(each);
        for (long each : new long[] {r.r8(), r.r9(), r.r10(), r.r11(), r.r12(), r.r13(), r.r14(), r.r15()}) mix(each);
        mix(r.rip());
        mix(r.rflags());
        records++;
    }

    private void mix(long value) {
        for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
            digest = (digest ^ (value >>> shift & 0xFF)) * PRIME;
        }
    }

    @Override
    public VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock) {
        VirtualMachine vm = other.createVm(name, interruptMode, clock);
        return Intercepted.of(VirtualMachine.class, vm, (method, arguments, answer) -> {
            if (!method.equals("createVcpu")) return answer.proceed();
            Vcpu vcpu = (Vcpu) answer.proceed();
            sample(vcpu, vm.eventLoop());
            return traced(vcpu, vm.eventLoop());
        });
    }

    /** Records the state every {@link #PERIOD_NANOS}. */
    private void sample(Vcpu vcpu, EventLoop time) {
        Timers.Timer[] self = new Timers.Timer[1];
        self[0] = time.timer(() -> {
            record(vcpu, time);
            self[0].armAt(time.nanoTime() + PERIOD_NANOS);
        });
        self[0].armAt(time.nanoTime());
    }

    private Vcpu traced(Vcpu vcpu, EventLoop time) {
        return Intercepted.of(Vcpu.class, vcpu, (method, arguments, answer) -> {
            if (!method.equals("run")) return answer.proceed();
            ExitHandler handler = (ExitHandler) arguments[0];
            return vcpu.run(Intercepted.of(ExitHandler.class, handler, (exit, values, result) -> {
                record(vcpu, time);
                return result.proceed();
            }));
        });
    }
}
