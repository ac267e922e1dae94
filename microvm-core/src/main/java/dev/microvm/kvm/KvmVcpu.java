package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.DebugEvent;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.kvm.generated.kvm_interrupt;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import dev.microvm.linux.ThreadKick;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;

/**
 * A vCPU descriptor of KVM: runs the guest and sorts its exits. State in and out is {@link
 * KvmState}'s.
 */
final class KvmVcpu implements Vcpu {
    private static final int NO_THREAD = 0;

    private final KvmVirtualMachine machine;
    private final int index;
    private final FileDescriptor fd;
    private final KvmRun run;
    private final KvmState state;
    private final KvmVcpuClock clock;
    private final int[] msrIndices;

    private final ReadWriteLock use =
            new ReentrantReadWriteLock(); // read: the descriptor is in use; write: it goes away
    private volatile boolean closed;

    // Guarded by this: who is in run(), so that a kick never reaches a thread that has left.
    private int runner = NO_THREAD;

    KvmVcpu(KvmVirtualMachine machine, int index, FileDescriptor fd, MemorySegment page, int[] msrIndices) {
        this.machine = machine;
        this.index = index;
        this.fd = fd;
        this.run = new KvmRun(page);
        this.state = new KvmState(fd);
        this.clock = new KvmVcpuClock(fd, state, machine.interruptMode() != InterruptMode.USERSPACE);
        this.msrIndices = msrIndices;
    }

    @Override
    public int index() {
        return index;
    }

    @Override
    public VcpuExit run(ExitHandler handler) {
        enter();
        try {
            while (true) {
                int result = Libc.ioctl(fd.value(), KVM_RUN, 0);
                if (result < 0) {
                    if (result == -Errno.EINTR) {
                        run.immediateExit(false);
                        return VcpuExit.KICKED;
                    }
                    if (result == -Errno.EAGAIN) continue; // an INIT or start-up IPI came while it waited for one
                    throw KvmFailure.of(this, machine, "KVM_RUN failed: " + Errno.text(-result));
                }
                switch (run.exitReason()) {
                    case KVM_EXIT_IO -> run.serveIo(handler);
                    case KVM_EXIT_MMIO -> run.serveMmio(handler);
                    case KVM_EXIT_IOAPIC_EOI -> handler.endOfInterrupt(run.eoiVector());
                    case KVM_EXIT_SET_TPR -> {} // CR8 became lower: nobody here holds interrupts back by it
                    case KVM_EXIT_HLT -> {
                        return VcpuExit.HALTED;
                    }
                    case KVM_EXIT_INTR -> {
                        return VcpuExit.KICKED;
                    }
                    case KVM_EXIT_IRQ_WINDOW_OPEN -> {
                        return VcpuExit.INTERRUPT_WINDOW;
                    }
                    case KVM_EXIT_SHUTDOWN -> {
                        return VcpuExit.SHUTDOWN;
                    }
                    case KVM_EXIT_DEBUG -> {
                        return VcpuExit.DEBUG;
                    }
                    default -> throw KvmFailure.of(this, machine, KvmFailure.reason(run));
                }
                // An interrupt that waits needs no exit of its own, which kvm-pvm's emulator may not make: the next
                // KVM_RUN ends this access and comes back for it.
                if (run.interruptWindowIsOpen()) run.immediateExit(true);
            }
        } finally {
            leave();
        }
    }

    private void requireOpen() {
        if (closed) throw new IllegalStateException("vCPU " + index + " is closed");
    }

    /** Asks the descriptor, which may race with {@link #close}. */
    private <T> T ask(Supplier<T> question) {
        use.readLock().lock();
        try {
            requireOpen();
            return question.get();
        } finally {
            use.readLock().unlock();
        }
    }

    /** Tells the descriptor, which may race with {@link #close}. */
    private void change(Runnable request) {
        use.readLock().lock();
        try {
            requireOpen();
            request.run();
        } finally {
            use.readLock().unlock();
        }
    }

    private synchronized void enter() {
        requireOpen();
        if (runner != NO_THREAD) throw new IllegalStateException("vCPU " + index + " runs already, on another thread");
        runner = ThreadKick.currentThread();
    }

    private synchronized void leave() {
        runner = NO_THREAD;
    }

    @Override
    public synchronized void kick() {
        if (closed) return;
        run.immediateExit(true); // for a thread that is about to enter the guest
        if (runner != NO_THREAD) ThreadKick.kick(runner); // for one that is there
    }

    @Override
    public Registers registers() {
        return ask(state::registers);
    }

    @Override
    public void registers(Registers registers) {
        change(() -> state.registers(registers));
    }

    @Override
    public SpecialRegisters specialRegisters() {
        return ask(state::specialRegisters);
    }

    @Override
    public void specialRegisters(SpecialRegisters registers) {
        change(() -> {
            state.specialRegisters(registers);
            run.taskPriority(registers.cr8());
        });
    }

    @Override
    public FpuState fpuState() {
        return ask(state::fpuState);
    }

    @Override
    public void fpuState(FpuState newState) {
        change(() -> state.fpuState(newState));
    }

    @Override
    public DebugRegisters debugRegisters() {
        return ask(state::debugRegisters);
    }

    @Override
    public void debugRegisters(DebugRegisters registers) {
        change(() -> state.debugRegisters(registers));
    }

    @Override
    public long translate(long linearAddress) {
        return ask(() -> state.translate(linearAddress));
    }

    @Override
    public VcpuEvents events() {
        return ask(state::events);
    }

    @Override
    public void events(VcpuEvents events) {
        change(() -> state.events(events));
    }

    @Override
    public ActivityState activity() {
        return ask(state::activity);
    }

    @Override
    public void activity(ActivityState newState) {
        change(() -> state.activity(newState));
    }

    @Override
    public LapicState lapic() {
        return ask(() -> clock.shown(state.lapic()));
    }

    @Override
    public void lapic(LapicState newState) {
        change(() -> {
            state.lapic(newState);
            clock.wasSet(newState);
        });
    }

    @Override
    public int[] msrIndices() {
        return ask(msrIndices::clone);
    }

    @Override
    public List<MsrEntry> msrs(int... indices) {
        return ask(() -> clock.shown(KvmMsrs.read(fd, indices)));
    }

    @Override
    public void msrs(List<MsrEntry> entries) {
        change(() -> {
            KvmMsrs.write(fd, entries);
            clock.wereSet(entries);
        });
    }

    @Override
    public void cpuid(List<CpuidEntry> table) {
        change(() -> {
            try (Arena call = Arena.ofConfined()) {
                KvmRequest.SET_CPUID2.call(fd, KvmCpuid.encode(table, call));
            }
        });
    }

    @Override
    public long tscKhz() {
        return ask(() -> Math.max(0L, Libc.ioctl(fd.value(), KVM_GET_TSC_KHZ, 0))); // an error says it is not known
    }

    @Override
    public boolean readyForInterrupt() {
        requireOpen();
        return run.readyForInterrupt();
    }

    @Override
    public void interrupt(int vector) {
        change(() -> {
            try (Arena call = Arena.ofConfined()) {
                MemorySegment interrupt = kvm_interrupt.allocate(call);
                kvm_interrupt.irq(interrupt, vector);
                KvmRequest.INTERRUPT.call(fd, interrupt);
            }
        });
    }

    @Override
    public void requestInterruptWindow(boolean wanted) {
        requireOpen();
        run.requestInterruptWindow(wanted);
    }

    @Override
    public void debug(GuestDebug wanted) {
        change(() -> state.debug(wanted));
    }

    @Override
    public DebugEvent debugEvent() {
        requireOpen();
        return run.debugEvent();
    }

    /** What of its time is apart from the machine's. */
    KvmVcpuClock clock() {
        return clock;
    }

    boolean isOpen() {
        return !closed;
    }

    @Override
    public void close() {
        synchronized (machine) { // which stops the time of vCPUs that are open
            closeAlone();
        }
    }

    private synchronized void closeAlone() {
        if (runner != NO_THREAD) throw new IllegalStateException("vCPU " + index + " still runs");
        if (closed) return;
        use.writeLock().lock(); // waits for requests that are under way; later ones find the vCPU closed
        try {
            closed = true;
            fd.close();
        } finally {
            use.writeLock().unlock();
        }
    }
}
