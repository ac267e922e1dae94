package dev.microvm.engine.system;

import static dev.microvm.hypervisor.SpecialRegisters.CR4_PSE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_NXE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_SCE;

import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.testing.RecordingHandler;
import java.util.List;
import java.util.function.LongUnaryOperator;
import java.util.function.UnaryOperator;

/**
 * A machine with everything an operating system sets up: descriptor tables, a task-state segment,
 * page tables, stacks, and a handler for each vector, which stops. A test changes what it is about,
 * runs a {@linkplain Listing listing}, and looks at how that ended.
 */
final class SystemGuest implements AutoCloseable {
    // Guest-physical addresses; linear ones are the same
    static final long GDT = 0x2000;
    static final long IDT = 0x3000;
    static final long TSS = 0x4000;
    static final long HANDLERS = 0x8000; // 4 bytes a vector
    static final long CODE = 0x1_0000;
    static final long STACK = 0x2_1000; // tops
    static final long INNER_STACK = 0x2_3000; // RSP0, ESP0
    static final long IST1 = 0x2_5000;
    static final long DATA = 0x3_0000;
    static final long PML4 = 0x4_0000;
    static final long POINTERS = 0x4_1000;
    static final long DIRECTORY = 0x4_2000;
    static final long TABLE = 0x4_3000; // two, for 4 MiB
    static final long DIRECTORY_32 = 0x4_8000;
    static final long TABLE_32 = 0x4_9000;
    static final long MEMORY_SIZE = 4 << 20;

    // Selectors
    static final int CODE64 = 0x08;
    static final int DATA0 = 0x10;
    static final int USER_DATA = 0x1B;
    static final int USER_CODE64 = 0x23;
    static final int CODE32 = 0x28;
    static final int USER_CODE32 = 0x33;
    static final int CODE16 = 0x38;
    static final int TASK = 0x40; // takes two places
    static final int FREE = 0x50; // for tests: eight places

    // Page-table entries: Intel SDM vol. 3A, tables 4-14 to 4-20
    static final long P = 1 << 0;
    static final long W = 1 << 1;
    static final long U = 1 << 2;
    static final long A = 1 << 5;
    static final long D = 1 << 6;
    static final long LARGE = 1 << 7;
    static final long G = 1 << 8;
    static final long NX = 1L << 63;
    static final long ALL = P | W | U;

    // RFLAGS: Intel SDM vol. 1, 3.4.3
    static final long TF = 1 << 8;
    static final long IF = 1 << 9;
    static final long NT = 1 << 14;
    static final long RF = 1 << 16;
    static final long AC = 1 << 18;

    // Access bytes and flags of descriptors: Intel SDM vol. 3A, 3.4.5
    static final int ACCESS_CODE = 0x9B;
    static final int ACCESS_DATA = 0x93;
    static final int ACCESS_USER_CODE = 0xFB;
    static final int ACCESS_USER_DATA = 0xF3;
    static final int FLAGS_16 = 0;
    static final int FLAGS_32 = 0xC;
    static final int FLAGS_64 = 0xA;

    private static final int GATE_PRESENT_DPL3 = 0xE0; // P and DPL of a gate's access byte
    private static final int GATE_INTERRUPT = 0xE;
    private static final int TSS_LIMIT = 0x2100;
    private static final long PAGE = 4096;
    private static final long FAULTS_WITH_CODE = 0x0002_7D00; // by vector: Intel SDM vol. 3A, table 6-1

    /** How it starts. */
    enum Mode {
        /** Real mode, all segments at 0 but the code's. */
        REAL,
        /** Privilege level 0 of flat 32-bit protected mode without paging. */
        PROTECTED,
        /**
         * Privilege level 0 of 64-bit mode, the first 4 MiB mapped to themselves, for everybody.
         */
        LONG
    }

    private final VirtualMachine vm;
    private final GuestMemory memory;
    private final Vcpu vcpu;
    private final RecordingHandler handler = new RecordingHandler();
    private final boolean wide;
    private final boolean real;

    SystemGuest(Hypervisor hypervisor, InterruptMode mode, Mode start) {
        wide = start == Mode.LONG;
        real = start == Mode.REAL;
        vm = hypervisor.createVm("system", mode);
        GuestMemoryRegion region = new GuestMemoryRegion(0, vm.allocate(MEMORY_SIZE), false);
        memory = new GuestMemory(List.of(region));
        vm.map(0, region);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(vm.supportedCpuid());
        handler.endsWith(vcpu);
        descriptors();
        handlers();
        pageTables();
        vcpu.registers(Registers.ZERO.withRip(CODE).withRsp(STACK));
        if (wide) {
            startLong();
        } else if (real) {
            startReal();
        } else {
            startProtected();
        }
    }

    VirtualMachine vm() {
        return vm;
    }

    Vcpu vcpu() {
        return vcpu;
    }

    GuestMemory memory() {
        return memory;
    }

    /** What the code wrote to ports other than 0xf4 and to addresses without memory. */
    List<Long> written() {
        return handler.values();
    }

    ExitHandler handler() {
        return handler;
    }

    /** Sets what the nth read from a device gives, from 0. */
    SystemGuest answers(LongUnaryOperator nthRead) {
        handler.answer(nthRead);
        return this;
    }

    // Setting up

    private void descriptors() {
        descriptor(CODE64, segment(0, 0xF_FFFF, ACCESS_CODE, FLAGS_64));
        descriptor(DATA0, segment(0, 0xF_FFFF, ACCESS_DATA, FLAGS_32));
        descriptor(USER_DATA, segment(0, 0xF_FFFF, ACCESS_USER_DATA, FLAGS_32));
        descriptor(USER_CODE64, segment(0, 0xF_FFFF, ACCESS_USER_CODE, FLAGS_64));
        descriptor(CODE32, segment(0, 0xF_FFFF, ACCESS_CODE, FLAGS_32));
        descriptor(USER_CODE32, segment(0, 0xF_FFFF, ACCESS_USER_CODE, FLAGS_32));
        descriptor(CODE16, segment(0, 0xFFFF, ACCESS_CODE, FLAGS_16));
        final int busyTask = 0x8B;
        descriptor(TASK, segment(TSS, TSS_LIMIT, busyTask, 0));
        if (wide) {
            memory.putLong(TSS + 4, INNER_STACK); // RSP0, IST1: Intel SDM vol. 3A, figure 8-11
            memory.putLong(TSS + 0x24, IST1);
        } else {
            memory.putInt(TSS + 4, (int) INNER_STACK); // ESP0, SS0: figure 8-2
            memory.putInt(TSS + 8, DATA0);
        }
        memory.putShort(TSS + 0x66, (short) 0x68); // I/O permission map: all zeros, all ports
    }

    /** A code or data segment's descriptor, or a task-state segment's. */
    static long segment(long base, long limit, int access, int flags) {
        return (limit & 0xFFFF)
                | (base & 0xFF_FFFF) << 16
                | (long) access << 40
                | (limit >> 16 & 0xF) << 48
                | (long) flags << 52
                | (base >>> 24 & 0xFF) << 56;
    }

    /** Puts a descriptor into the GDT. */
    SystemGuest descriptor(int selector, long descriptor) {
        memory.putLong(GDT + (selector & ~7), descriptor);
        return this;
    }

    private void handlers() {
        for (int vector = 0; vector < 256; vector++) {
            memory.write(HANDLERS + vector * 4L, new byte[] {(byte) 0xE6, (byte) 0xF4, (byte) 0xEB, (byte) 0xFE});
            gate(vector, wide ? CODE64 : CODE32, HANDLERS + vector * 4L, GATE_PRESENT_DPL3 | GATE_INTERRUPT, 0);
            if (real) memory.putInt(vector * 4L, (int) HANDLERS + vector * 4);
        }
    }

    /** Sets a gate of the IDT. */
    SystemGuest gate(int vector, int selector, long offset, int access, int ist) {
        long low = (offset & 0xFFFF)
                | (long) selector << 16
                | (long) ist << 32
                | (long) access << 40
                | (offset >>> 16 & 0xFFFF) << 48;
        if (wide) {
            memory.putLong(IDT + vector * 16L, low);
            memory.putLong(IDT + vector * 16L + 8, offset >>> 32);
        } else {
            memory.putLong(IDT + vector * 8L, low);
        }
        return this;
    }

    /** Puts code in place of the handler that stops. */
    SystemGuest handler(int vector, String listing) {
        long at = CODE + 0x8000 + vector * 0x40L;
        memory.write(at, Listing.bytes(listing));
        if (real) memory.putInt(vector * 4L, (int) (at - CODE) | (int) (CODE >> 4) << 16);
        return gate(vector, wide ? CODE64 : CODE32, at, GATE_PRESENT_DPL3 | GATE_INTERRUPT, 0);
    }

    private void pageTables() {
        memory.putLong(PML4, POINTERS | ALL);
        memory.putLong(POINTERS, DIRECTORY | (wide ? ALL : P));
        memory.putLong(DIRECTORY, TABLE | ALL);
        memory.putLong(DIRECTORY + 8, (TABLE + PAGE) | ALL);
        memory.putInt(DIRECTORY_32, (int) (TABLE_32 | ALL));
        for (long page = 0; page < MEMORY_SIZE; page += PAGE) {
            memory.putLong(entryAddress(page), page | ALL);
            memory.putInt(TABLE_32 + page / PAGE * 4, (int) (page | ALL));
        }
    }

    /** Where the entry of a page is, of PAE and 4-level paging. */
    static long entryAddress(long linear) {
        return TABLE + linear / PAGE * 8;
    }

    /** Sets the entry of a page. */
    SystemGuest map(long linear, long entry) {
        memory.putLong(entryAddress(linear), entry);
        return this;
    }

    /** The entry of a page. */
    long mapped(long linear) {
        return memory.getLong(entryAddress(linear));
    }

    private void startLong() {
        SpecialRegisters reset = vcpu.specialRegisters();
        SegmentRegister task = SegmentRegister.systemSegment(TASK, SegmentRegister.TYPE_TSS_BUSY, TSS, TSS_LIMIT);
        SegmentRegister noTable = SegmentRegister.systemSegment(0, SegmentRegister.TYPE_LDT, 0, 0);
        vcpu.specialRegisters(reset.withSegments(
                        SegmentRegister.code64(CODE64), SegmentRegister.flat32(DATA0, SegmentRegister.TYPE_DATA))
                .withTables(new DescriptorTable(GDT, 0xFF), new DescriptorTable(IDT, 0xFFF))
                .withTask(task, noTable)
                .withControl(
                        SpecialRegisters.CR0_PE
                                | SpecialRegisters.CR0_PG
                                | SpecialRegisters.CR0_ET
                                | SpecialRegisters.CR0_NE
                                | SpecialRegisters.CR0_WP,
                        PML4,
                        SpecialRegisters.CR4_PAE | SpecialRegisters.CR4_OSFXSR,
                        SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA | EFER_NXE | EFER_SCE));
    }

    private void startProtected() {
        SpecialRegisters reset = vcpu.specialRegisters();
        SegmentRegister task = SegmentRegister.systemSegment(TASK, SegmentRegister.TYPE_TSS_BUSY, TSS, TSS_LIMIT);
        SegmentRegister noTable = SegmentRegister.systemSegment(0, SegmentRegister.TYPE_LDT, 0, 0);
        vcpu.specialRegisters(reset.withSegments(
                        SegmentRegister.flat32(CODE32, SegmentRegister.TYPE_CODE),
                        SegmentRegister.flat32(DATA0, SegmentRegister.TYPE_DATA))
                .withTables(new DescriptorTable(GDT, 0xFF), new DescriptorTable(IDT, 0x7FF))
                .withTask(task, noTable)
                .withControl(
                        SpecialRegisters.CR0_PE
                                | SpecialRegisters.CR0_ET
                                | SpecialRegisters.CR0_NE
                                | SpecialRegisters.CR0_WP,
                        0,
                        CR4_PSE,
                        0));
    }

    private void startReal() {
        SpecialRegisters reset = vcpu.specialRegisters();
        vcpu.specialRegisters(reset.withSegments(
                        SegmentRegister.realMode((int) (CODE >> 4), SegmentRegister.TYPE_CODE),
                        SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA))
                .withTables(new DescriptorTable(GDT, 0xFF), new DescriptorTable(0, 0x3FF)));
        vcpu.registers(Registers.ZERO.withRsp(0x7000));
    }

    /** Goes to privilege level 3. */
    SystemGuest asUser() {
        SegmentRegister code = wide
                ? SegmentRegister.code64(USER_CODE64)
                : SegmentRegister.flat32(USER_CODE32, SegmentRegister.TYPE_CODE);
        return special(
                s -> s.withSegments(user(code), user(SegmentRegister.flat32(USER_DATA, SegmentRegister.TYPE_DATA))));
    }

    private static SegmentRegister user(SegmentRegister s) {
        return new SegmentRegister(
                s.base(),
                s.limit(),
                s.selector(),
                s.type(),
                s.present(),
                3,
                s.db(),
                s.codeOrData(),
                s.longMode(),
                s.granularity(),
                s.available(),
                s.unusable());
    }

    /** Turns paging on in 32-bit mode: with CR4.PSE of 32 bits, with CR4.PAE PAE. */
    SystemGuest paging(long cr4) {
        boolean pae = (cr4 & SpecialRegisters.CR4_PAE) != 0;
        return special(s -> s.withControl(
                s.cr0() | SpecialRegisters.CR0_PG, pae ? POINTERS : DIRECTORY_32, cr4, pae ? EFER_NXE : 0));
    }

    /** Sets bits of CR0. */
    SystemGuest cr0(long bits) {
        return special(s -> s.withControl(s.cr0() | bits, s.cr3(), s.cr4(), s.efer()));
    }

    /** Sets bits of CR4. */
    SystemGuest cr4(long bits) {
        return special(s -> s.withControl(s.cr0(), s.cr3(), s.cr4() | bits, s.efer()));
    }

    /** Changes special registers. */
    SystemGuest special(UnaryOperator<SpecialRegisters> change) {
        vcpu.specialRegisters(change.apply(vcpu.specialRegisters()));
        return this;
    }

    /** Changes general registers. */
    SystemGuest with(UnaryOperator<Registers> change) {
        vcpu.registers(change.apply(vcpu.registers()));
        return this;
    }

    /** Sets bits of RFLAGS. */
    SystemGuest flags(long bits) {
        return with(r -> r.withRflags(r.rflags() | bits));
    }

    /** Sets an MSR. */
    SystemGuest msr(int index, long value) {
        vcpu.msrs(List.of(new MsrEntry(index, value)));
        return this;
    }

    /** Puts code somewhere. */
    SystemGuest code(long address, String listing) {
        memory.write(address, Listing.bytes(listing));
        return this;
    }

    /** Another CPU with the same registers, but its number in ESI and a stack of its own. */
    Vcpu another(int index) {
        Vcpu made = vm.createVcpu(index);
        made.specialRegisters(vcpu.specialRegisters());
        made.registers(vcpu.registers().withRsi(index).withRsp(STACK + 0x1000L * index));
        return made;
    }

    // Running

    /**
     * Puts code at {@link #CODE} and runs it, from where RIP is, until a handler or an OUT to port
     * 0xf4 stops it.
     */
    End run(String listing) {
        return code(CODE, listing).run();
    }

    /** Runs what is there. */
    End run() {
        if (vcpu.run(handler) == VcpuExit.SHUTDOWN) return new End(End.SHUTDOWN, End.NO_ERROR, rip(), 0, 0);
        return end();
    }

    private End end() {
        Registers r = vcpu.registers();
        long at = r.rip() - HANDLERS;
        if (at < 0 || at >= 256 * 4) {
            return new End(
                    End.DONE,
                    End.NO_ERROR,
                    r.rip(),
                    vcpu.specialRegisters().cs().selector(),
                    r.rflags());
        }
        int vector = (int) at / 4;
        int slot = real ? 2 : wide ? 8 : 4;
        boolean hasCode = !real && vector < 32 && (FAULTS_WITH_CODE >> vector & 1) != 0;
        long frame = real ? r.rsp() & 0xFFFF : r.rsp();
        int error = hasCode ? memory.getInt(frame) : End.NO_ERROR;
        if (hasCode) frame += slot;
        return new End(
                vector,
                error,
                word(frame, slot),
                (int) word(frame + slot, slot) & 0xFFFF,
                word(frame + 2L * slot, slot));
    }

    private long word(long address, int size) {
        return switch (size) {
            case 2 -> memory.getShort(address) & 0xFFFF;
            case 4 -> memory.getInt(address) & 0xFFFF_FFFFL;
            default -> memory.getLong(address);
        };
    }

    long rip() {
        return vcpu.registers().rip();
    }

    @Override
    public void close() {
        vm.close();
    }
}
