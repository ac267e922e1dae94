package dev.microvm.testing;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PG;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PAE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LMA;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;

import dev.microvm.clock.GuestClock;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import dev.microvm.vcpu.VcpuLoop;
import dev.microvm.vcpu.VcpuThreads;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A virtual machine with one vCPU, 1 MiB of memory and a program of {@code src/test/guest}, loaded
 * at {@link #ORIGIN}.
 */
public final class TinyGuest implements AutoCloseable {
    /** The address at which programs are loaded and start. */
    public static final long ORIGIN = 0x1000;

    /** Size of the memory in bytes; it begins at address 0. */
    public static final long MEMORY_SIZE = 1 << 20;

    private static final long PAGE_TABLES = 0x8_0000;
    private static final long LAPIC_BASE = 0xfee0_0000L; // Intel SDM vol. 3A, 11.4.1
    private static final int CODE_SELECTOR = 0x8;
    private static final int DATA_SELECTOR = 0x10;

    // Page-table entries: Intel SDM vol. 3A, tables 4-15 to 4-18
    private static final long PRESENT_WRITABLE = 0b11;
    private static final long LARGE_PAGE = 1 << 7;
    private static final long LARGE_PAGE_SIZE = 2 << 20;
    private static final int ENTRIES = 512;

    private final VirtualMachine vm;
    private final GuestRam ram;
    private final GuestMemory memory;
    private final Vcpu vcpu;
    private final RecordingHandler handler = new RecordingHandler();

    /** Makes the machine and loads a program, by its file name without the ending. */
    public TinyGuest(Hypervisor hypervisor, InterruptMode interruptMode, String program) {
        this(hypervisor, interruptMode, program, GuestClock.HOST);
    }

    /** Makes the machine with the given clock and loads a program. */
    public TinyGuest(Hypervisor hypervisor, InterruptMode interruptMode, String program, GuestClock clock) {
        this(hypervisor.createVm(program, interruptMode, clock), program, RamBacking.anonymous());
    }

    /** Makes the machine with the given RAM backing and loads a program. */
    public TinyGuest(Hypervisor hypervisor, InterruptMode interruptMode, String program, RamBacking backing) {
        this(hypervisor.createVm(program, interruptMode), program, backing);
    }

    private TinyGuest(VirtualMachine vm, String program, RamBacking backing) {
        this.vm = vm;
        ram = vm.ram(backing, MEMORY_SIZE);
        GuestMemoryRegion region = ram.region(0, 0, MEMORY_SIZE);
        memory = new GuestMemory(List.of(region));
        memory.write(ORIGIN, program(program));
        vm.map(0, region);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(vm.supportedCpuid());
        handler.endsWith(vcpu);
    }

    /** Returns the bytes of a program of {@code src/test/guest}. */
    public static byte[] program(String name) {
        try (InputStream in = TinyGuest.class.getResourceAsStream("/guests/" + name + ".bin")) {
            if (in == null) throw new IllegalArgumentException("no guest program " + name);
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public VirtualMachine vm() {
        return vm;
    }

    public Vcpu vcpu() {
        return vcpu;
    }

    public GuestRam ram() {
        return ram;
    }

    public GuestMemory memory() {
        return memory;
    }

    public RecordingHandler handler() {
        return handler;
    }

    /** Starts the program in real mode; all segments begin at 0. */
    public TinyGuest startReal() {
        vcpu.specialRegisters(vcpu.specialRegisters()
                .withSegments(
                        SegmentRegister.realMode(0, SegmentRegister.TYPE_CODE),
                        SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA)));
        return startAt();
    }

    /**
     * Starts the program in real mode, but with the local APIC in ES, which real mode could not
     * reach.
     */
    public TinyGuest startRealWithApic() {
        startReal();
        SpecialRegisters s = vcpu.specialRegisters();
        SegmentRegister es = new SegmentRegister(
                LAPIC_BASE, 0xffff, 0, SegmentRegister.TYPE_DATA, true, 0, false, true, false, false, false, false);
        vcpu.specialRegisters(new SpecialRegisters(
                s.cs(),
                s.ds(),
                es,
                s.fs(),
                s.gs(),
                s.ss(),
                s.tr(),
                s.ldt(),
                s.gdt(),
                s.idt(),
                s.cr0(),
                s.cr2(),
                s.cr3(),
                s.cr4(),
                s.cr8(),
                s.efer(),
                s.apicBase()));
        return this;
    }

    /** Starts the program in 32-bit protected mode, flat, without paging. */
    public TinyGuest startProtected() {
        SpecialRegisters reset = vcpu.specialRegisters();
        vcpu.specialRegisters(reset.withSegments(
                        SegmentRegister.flat32(CODE_SELECTOR, SegmentRegister.TYPE_CODE),
                        SegmentRegister.flat32(DATA_SELECTOR, SegmentRegister.TYPE_DATA))
                .withControl(reset.cr0() | CR0_PE, 0, 0, 0));
        return startAt();
    }

    /** Starts the program in 64-bit mode with the first 4 GiB mapped to themselves. */
    public TinyGuest startLong() {
        mapFirst4GiB();
        SpecialRegisters reset = vcpu.specialRegisters();
        vcpu.specialRegisters(reset.withSegments(
                        SegmentRegister.code64(CODE_SELECTOR),
                        SegmentRegister.flat32(DATA_SELECTOR, SegmentRegister.TYPE_DATA))
                .withControl(reset.cr0() | CR0_PE | CR0_PG, PAGE_TABLES, CR4_PAE, EFER_LME | EFER_LMA));
        return startAt();
    }

    /** Runs the vCPU until it exits for a reason other than I/O. */
    public VcpuExit run() {
        return vcpu.run(handler);
    }

    /**
     * Returns threads that run the vCPU and {@code others} of the same machine, instead of
     * {@link #run}. Failures complete {@link RecordingHandler#exit} with an exception.
     */
    public VcpuThreads threads(Vcpu... others) {
        List<VcpuLoop> loops = new ArrayList<>();
        loops.add(new VcpuLoop(vcpu, handler, handler));
        for (Vcpu other : others) loops.add(new VcpuLoop(other, handler, handler));
        return new VcpuThreads("tiny", loops);
    }

    private TinyGuest startAt() {
        vcpu.registers(Registers.ZERO.withRip(ORIGIN));
        return this;
    }

    private void mapFirst4GiB() {
        long directoryPointers = PAGE_TABLES + 0x1000;
        memory.putLong(PAGE_TABLES, directoryPointers | PRESENT_WRITABLE);
        for (int gib = 0; gib < 4; gib++) {
            long directory = PAGE_TABLES + 0x2000 + gib * 0x1000L;
            memory.putLong(directoryPointers + gib * 8L, directory | PRESENT_WRITABLE);
            for (int i = 0; i < ENTRIES; i++) {
                long page = ((long) gib * ENTRIES + i) * LARGE_PAGE_SIZE;
                memory.putLong(directory + i * 8L, page | LARGE_PAGE | PRESENT_WRITABLE);
            }
        }
    }

    @Override
    public void close() {
        vm.close();
    }
}
