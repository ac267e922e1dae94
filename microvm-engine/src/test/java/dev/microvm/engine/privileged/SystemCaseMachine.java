package dev.microvm.engine.privileged;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VcpuFailedException;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A machine that runs one case after another. All state is set before each; the one CPU and the
 * memory stay, because making them takes longer than a case.
 */
final class SystemCaseMachine implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int AVAILABLE_TASK = 0x9; // type of a descriptor: Intel SDM vol. 3A, table 3-2

    /** Whether this is the emulated machine of scripts/lab. */
    static final boolean EMULATED = System.getenv("MICROVM_LAB") != null;

    private static final int XSAVE_SIZE = 576;
    private static final long XCR0_X87 = 1;
    private static final VcpuEvents NOTHING_UNDER_WAY =
            new VcpuEvents(false, false, 0, false, 0, false, 0, false, 0, false, false, false, 0);

    private final VirtualMachine vm;
    private final GuestMemory memory;
    private final Vcpu vcpu;
    private final long apicBase;
    private final Ports ports = new Ports();
    private final Thread watchdog = Thread.ofPlatform().daemon().unstarted(this::watch);
    private final AtomicLong number = new AtomicLong(); // of the case that runs
    private volatile boolean impatient;
    private boolean extendedControlChanged;

    SystemCaseMachine(Hypervisor hypervisor) {
        vm = hypervisor.createVm("cases", InterruptMode.USERSPACE);
        GuestMemoryRegion region = new GuestMemoryRegion(0, vm.allocate(Layout.SIZE), false);
        memory = new GuestMemory(List.of(region));
        vm.map(0, region);
        vcpu = vm.createVcpu(0);
        apicBase = vcpu.specialRegisters().apicBase();
        watchdog.start();
    }

    List<CpuidEntry> supportedCpuid() {
        return vm.supportedCpuid();
    }

    void cpuid(List<CpuidEntry> table) {
        vcpu.cpuid(table);
        touch();
    }

    /**
     * Reads and writes each page, so that no case is the first: an exit while an interrupt is
     * delivered changes what it pushes.
     */
    private void touch() {
        SystemCase from = new SystemCase("touch", Mode.FLAT_32, 0, Template.of(Mode.FLAT_32));
        from.startAtLevelZero();
        byte[] loop = HexFormat.of().parseHex("8b03" + "8903" + "81eb00100000" + "75f4"); // MOV both ways, SUB EBX, JNZ
        System.arraycopy(loop, 0, from.memory, Layout.CODE, loop.length);
        from.registers[3] = Layout.SIZE - Layout.PAGE;
        if (run(from).end() != Layout.END_PORT) throw new IllegalStateException("the machine does not run");
    }

    /** Stops what runs for longer than {@link #PATIENCE}. */
    private void watch() {
        long seen = -1;
        try {
            while (true) {
                Thread.sleep(PATIENCE);
                long now = number.get();
                if (now == seen) {
                    impatient = true;
                    vcpu.kick();
                }
                seen = now;
            }
        } catch (InterruptedException e) {
            // the machine is closed
        }
    }

    SystemOutcome run(SystemCase from) {
        load(from);
        impatient = false;
        number.incrementAndGet();
        int end = SystemOutcome.FAILED;
        String reason = "";
        try {
            end = run();
        } catch (VcpuFailedException e) {
            reason = e.toString();
        }
        return outcome(end, reason);
    }

    private int run() {
        ports.begin();
        while (true) {
            VcpuExit exit = vcpu.run(ports);
            if (ports.end >= 0) return ports.end;
            switch (exit) {
                case SHUTDOWN -> {
                    return SystemOutcome.SHUTDOWN;
                }
                case HALTED -> {
                    return SystemOutcome.HALTED;
                }
                default -> {
                    if (impatient) return SystemOutcome.ENDLESS;
                }
            }
        }
    }

    private void load(SystemCase from) {
        memory.write(0, from.memory);
        SegmentRegister[] s = from.segments;
        int idtLimit = from.idtLimit;
        vcpu.activity(ActivityState.RUNNING);
        vcpu.specialRegisters(new SpecialRegisters(
                s[SystemCase.CS],
                s[SystemCase.DS],
                s[SystemCase.ES],
                s[SystemCase.FS],
                s[SystemCase.GS],
                s[SystemCase.SS],
                task(from.task),
                from.localTable,
                new DescriptorTable(Layout.GDT, from.gdtLimit),
                new DescriptorTable(Layout.IDT, idtLimit),
                from.cr0,
                from.cr2,
                from.cr3,
                from.cr4,
                from.cr8,
                from.efer,
                apicBase));
        long[] r = from.registers;
        vcpu.registers(new Registers(
                r[0],
                r[3],
                r[1],
                r[2],
                r[6],
                r[7],
                r[4],
                r[5],
                r[8],
                r[9],
                r[10],
                r[11],
                r[12],
                r[13],
                r[14],
                r[15],
                from.rip,
                from.flags));
        List<MsrEntry> msrs = new ArrayList<>();
        for (int i = 0; i < from.msrs.length; i++) msrs.add(new MsrEntry(SystemCase.MSRS[i], from.msrs[i]));
        vcpu.msrs(msrs);
        long[] d = from.debug;
        vcpu.debugRegisters(new DebugRegisters(d[0], d[1], d[2], d[3], d[4], d[5]));
        vcpu.events(NOTHING_UNDER_WAY);
        if (extendedControlChanged) vcpu.fpuState(new FpuState(new byte[XSAVE_SIZE], XCR0_X87));
        extendedControlChanged = from.changesExtendedControl();
    }

    /**
     * The task register; QEMU's emulation of SVM takes one that is busy, as all are, for invalid,
     * and aborts.
     */
    private SegmentRegister task(SegmentRegister s) {
        if (!EMULATED) return s;
        return SegmentRegister.systemSegment(s.selector(), AVAILABLE_TASK, s.base(), s.limit());
    }

    private SystemOutcome outcome(int end, String reason) {
        return new SystemOutcome(
                end,
                List.copyOf(ports.accesses),
                vcpu.registers(),
                vcpu.specialRegisters(),
                vcpu.debugRegisters(),
                vcpu.msrs(SystemCase.MSRS),
                extendedControlChanged ? vcpu.fpuState().xcr0() : XCR0_X87,
                memory.read(0, Layout.SIZE),
                reason);
    }

    @Override
    public void close() {
        watchdog.interrupt();
        vm.close();
    }

    /** Answers reads with a pattern, writes down what there is to see, and kicks at an end. */
    private final class Ports implements NoDevices {
        private final List<String> accesses = new ArrayList<>();
        private int end;

        void begin() {
            accesses.clear();
            end = -1;
        }

        @Override
        public long portIn(int port, int size) {
            accesses.add("in %x, %d".formatted(port, size));
            return 0x8765_4321L & (1L << (size * Byte.SIZE)) - 1;
        }

        @Override
        public void portOut(int port, int size, long value) {
            boolean ends = port < Layout.VECTORS || port == Layout.END_PORT;
            if (!ends) {
                accesses.add("out %x, %d, %x".formatted(port, size, value));
            } else if (end < 0) {
                end = port;
                vcpu.kick();
            }
        }

        @Override
        public long mmioRead(long gpa, int size) {
            accesses.add("read %x, %d".formatted(gpa, size));
            return 0;
        }

        @Override
        public void mmioWrite(long gpa, int size, long value) {
            accesses.add("write %x, %d, %x".formatted(gpa, size, value));
        }
    }
}
