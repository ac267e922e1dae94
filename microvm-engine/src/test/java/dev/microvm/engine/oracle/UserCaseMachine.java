package dev.microvm.engine.oracle;

import static dev.microvm.hypervisor.SpecialRegisters.CR4_FSGSBASE;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_OSXSAVE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_NXE;

import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.util.Arrays;
import java.util.List;

/**
 * A machine that runs {@link Case}s at privilege level 3 as a process of Linux would: the same
 * addresses, the same segments, and a handler for each exception, which stops it.
 */
public final class UserCaseMachine implements AutoCloseable {
    // As in case-oracle.c
    /** Code: two pages that cannot be written. */
    public static final long CODE = 0x1000_0000;

    public static final int CODE_SIZE = 0x2000;

    /** Data: two pages, one that cannot be written, one that is not there, the stack. */
    public static final long DATA = 0x1100_0000;

    public static final int DATA_SIZE = 0x2000;
    public static final long STACK = DATA + 0x4000;
    public static final int STACK_SIZE = 0x1000;

    /** Data and stack. */
    public static final int MEMORY_SIZE = DATA_SIZE + STACK_SIZE;

    // Selectors of Linux, arch/x86/include/asm/segment.h, and of the local descriptor table of case-oracle.c
    public static final int CODE_32 = 0x23;
    public static final int DATA_32 = 0x2B;
    public static final int CODE_64 = 0x33;
    public static final int LDT_CODE_16 = 0x07;
    public static final int LDT_DATA_16 = 0x0F;
    public static final int LDT_READ_ONLY = 0x17;
    public static final int LDT_EXPAND_DOWN = 0x1F;
    public static final int LDT_CODE_32 = 0x27;
    public static final int LDT_MISSING = 0x2F;
    private static final int KERNEL_CODE = 0x10;
    private static final int TASK = 0x40;
    private static final int LDT = 0x50;

    // Physical memory
    private static final long SIZE = 0x10_0000;
    private static final long PML4 = 0x1000;
    private static final long LOW_POINTERS = 0x2000;
    private static final long LOW_DIRECTORY = 0x3000;
    private static final long CODE_TABLE = 0x4000;
    private static final long DATA_TABLE = 0x5000;
    private static final long HIGH_POINTERS = 0x6000;
    private static final long HIGH_DIRECTORY = 0x7000;
    private static final long GDT_AT = 0x8000;
    private static final long IDT_AT = 0x9000;
    private static final long LDT_AT = 0xA000;
    private static final long TASK_AT = 0xB000;
    private static final long HANDLERS = 0xC000;
    private static final long KERNEL_STACK = 0xE000; // its end
    private static final long CODE_AT = 0x1_0000;
    private static final long DATA_AT = 0x2_0000;
    private static final long READ_ONLY_AT = DATA_AT + DATA_SIZE;
    private static final long STACK_AT = 0x2_4000;

    /** Where the kernel half of linear memory has physical memory. */
    private static final long KERNEL = 0xFFFF_8000_0000_0000L;

    // Intel SDM vol. 3A, tables 4-15 to 4-20
    private static final long PRESENT = 1;
    private static final long WRITABLE = 1 << 1;
    private static final long USER = 1 << 2;
    private static final long LARGE = 1 << 7;
    private static final long NO_EXECUTE = 1L << 63;
    private static final long ALL = PRESENT | WRITABLE | USER;

    private static final int VECTORS = 256;
    private static final int GATE_SIZE = 16;
    private static final int HANDLER_SIZE = 2;
    private static final int OUT_IMMEDIATE = 0xE6;
    private static final int GDT_LIMIT = 0x7F;
    private static final int LDT_LIMIT = 8 * 8 - 1;
    private static final int PF = 14;
    private static final long XSAVE_X87_SSE_AVX = 7;
    private static final int YMM_AT = 576; // in an XSAVE area
    private static final int XSAVE_SIZE = YMM_AT + 256;
    private static final int YMM_WORDS = 32;
    private static final int XSTATE_BV = 512;
    private static final int FXSAVE_SIZE = 512;
    private static final byte INT3 = (byte) 0xCC;

    private final VirtualMachine vm;
    private final GuestMemory memory;
    private final Vcpu vcpu;
    private final SpecialRegisters template;
    private final Stopper stopper;
    private final byte[] image = new byte[MEMORY_SIZE];

    /** Makes a machine. */
    public UserCaseMachine(Hypervisor hypervisor) {
        vm = hypervisor.createVm("cases", InterruptMode.USERSPACE);
        GuestMemoryRegion region = new GuestMemoryRegion(0, vm.allocate(SIZE), false);
        memory = new GuestMemory(List.of(region));
        vm.map(0, region);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(vm.supportedCpuid());
        stopper = new Stopper(vcpu);
        mapMemory();
        writeTables();
        template = vcpu.specialRegisters()
                .withTask(
                        SegmentRegister.systemSegment(TASK, SegmentRegister.TYPE_TSS_BUSY, KERNEL + TASK_AT, 0x67),
                        SegmentRegister.systemSegment(LDT, SegmentRegister.TYPE_LDT, KERNEL + LDT_AT, LDT_LIMIT))
                .withTables(
                        new DescriptorTable(KERNEL + GDT_AT, GDT_LIMIT),
                        new DescriptorTable(KERNEL + IDT_AT, VECTORS * GATE_SIZE - 1))
                .withControl(
                        SpecialRegisters.CR0_PE
                                | SpecialRegisters.CR0_PG
                                | SpecialRegisters.CR0_ET
                                | SpecialRegisters.CR0_NE
                                | SpecialRegisters.CR0_MP
                                | SpecialRegisters.CR0_WP,
                        PML4,
                        SpecialRegisters.CR4_PAE
                                | SpecialRegisters.CR4_OSFXSR
                                | SpecialRegisters.CR4_OSXMMEXCPT
                                | CR4_FSGSBASE
                                | CR4_OSXSAVE,
                        SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA | EFER_NXE);
    }

    private void mapMemory() {
        memory.putLong(PML4, LOW_POINTERS | ALL);
        memory.putLong(LOW_POINTERS, LOW_DIRECTORY | ALL);
        memory.putLong(LOW_DIRECTORY + (CODE >> 21) * 8, CODE_TABLE | ALL);
        memory.putLong(LOW_DIRECTORY + (DATA >> 21) * 8, DATA_TABLE | ALL);
        memory.putLong(CODE_TABLE, CODE_AT | PRESENT | USER);
        memory.putLong(CODE_TABLE + 8, (CODE_AT + 0x1000) | PRESENT | USER);
        memory.putLong(DATA_TABLE, DATA_AT | ALL | NO_EXECUTE);
        memory.putLong(DATA_TABLE + 8, (DATA_AT + 0x1000) | ALL | NO_EXECUTE);
        memory.putLong(DATA_TABLE + 16, READ_ONLY_AT | PRESENT | USER | NO_EXECUTE);
        memory.putLong(DATA_TABLE + 32, STACK_AT | ALL | NO_EXECUTE);
        memory.putLong(PML4 + 256 * 8, HIGH_POINTERS | PRESENT | WRITABLE);
        memory.putLong(HIGH_POINTERS, HIGH_DIRECTORY | PRESENT | WRITABLE);
        memory.putLong(HIGH_DIRECTORY, PRESENT | WRITABLE | LARGE);
        for (int i = 0; i < 0x1000; i++) memory.putByte(READ_ONLY_AT + i, (byte) (i * 7 + 3));
        byte[] code = new byte[CODE_SIZE];
        Arrays.fill(code, INT3);
        memory.write(CODE_AT, code);
    }

    /**
     * What Linux has, as far as privilege level 3 can tell: arch/x86/kernel/cpu/common.c, gdt_page.
     */
    private void writeTables() {
        descriptor(GDT_AT + 0x08, 0, 0xFFFFF, 0xC09B); // 32-bit kernel code
        descriptor(GDT_AT + KERNEL_CODE, 0, 0xFFFFF, 0xA09B);
        descriptor(GDT_AT + 0x18, 0, 0xFFFFF, 0xC093); // kernel data
        descriptor(descriptorOf(CODE_32), 0, 0xFFFFF, 0xC0FB);
        descriptor(descriptorOf(DATA_32), 0, 0xFFFFF, 0xC0F3);
        descriptor(descriptorOf(CODE_64), 0, 0xFFFFF, 0xA0FB);
        descriptor(GDT_AT + TASK, TASK_AT, 0x67, 0x008B);
        memory.putLong(GDT_AT + TASK + 8, KERNEL >>> 32);
        descriptor(GDT_AT + LDT, LDT_AT, LDT_LIMIT, 0x0082);
        memory.putLong(GDT_AT + LDT + 8, KERNEL >>> 32);
        descriptor(GDT_AT + 0x78, 0, 0, 0x40F5); // the processor's number

        descriptor(descriptorOf(LDT_CODE_16), CODE, CODE_SIZE - 1, 0x00FB);
        descriptor(descriptorOf(LDT_DATA_16), DATA, 0x5FFF, 0x00F3);
        descriptor(descriptorOf(LDT_READ_ONLY), DATA, 0x9FF, 0x40F1);
        descriptor(descriptorOf(LDT_EXPAND_DOWN), DATA, 0x7FF, 0x40F7);
        descriptor(descriptorOf(LDT_CODE_32), CODE, CODE_SIZE - 1, 0x40F9);
        descriptor(descriptorOf(LDT_MISSING), DATA, 0x5FFF, 0x4073);

        final int stackPointer0 = 4; // Intel SDM vol. 3A, figure 8-11
        final int ioMapBase = 0x66;
        memory.putLong(TASK_AT + stackPointer0, KERNEL + KERNEL_STACK);
        memory.putShort(TASK_AT + ioMapBase, (short) 0x68); // behind its end: no ports
        for (int vector = 0; vector < VECTORS; vector++) {
            boolean forAll = vector == 3 || vector == 4; // INT3, INTO
            long handler = KERNEL + HANDLERS + (long) vector * HANDLER_SIZE;
            long gate = (handler & 0xFFFF) | KERNEL_CODE << 16 | (forAll ? 0xEE00L : 0x8E00L) << 32;
            memory.putLong(IDT_AT + (long) vector * GATE_SIZE, gate | (handler >>> 16 & 0xFFFF) << 48);
            memory.putLong(IDT_AT + (long) vector * GATE_SIZE + 8, handler >>> 32);
            memory.putByte(HANDLERS + (long) vector * HANDLER_SIZE, (byte) OUT_IMMEDIATE);
            memory.putByte(HANDLERS + (long) vector * HANDLER_SIZE + 1, (byte) vector);
        }
    }

    private static long descriptorOf(int selector) {
        return ((selector & 4) != 0 ? LDT_AT : GDT_AT) + (selector & ~7);
    }

    /**
     * Writes a segment descriptor; {@code attributes} are bits 40 to 55 of it, but for the limit.
     */
    private void descriptor(long at, long base, int limit, int attributes) {
        long low = (limit & 0xFFFFL) | (base & 0xFF_FFFF) << 16;
        long high = (long) attributes << 40 | (limit & 0xF_0000L) << 32 | (base & 0xFF00_0000L) << 32;
        memory.putLong(at, low | high);
    }

    /** What a selector stands for, as a program finds it loaded. */
    private SegmentRegister segment(int selector) {
        if ((selector & ~3) == 0) {
            return new SegmentRegister(0, 0, selector, 0, false, 0, false, false, false, false, false, true);
        }
        long descriptor = memory.getLong(descriptorOf(selector));
        long base = (descriptor >>> 16 & 0xFF_FFFF) | (descriptor >>> 32 & 0xFF00_0000L);
        int limit = (int) ((descriptor & 0xFFFF) | (descriptor >>> 32 & 0xF_0000));
        boolean granularity = (descriptor & 1L << 55) != 0;
        return new SegmentRegister(
                base,
                granularity ? limit << 12 | 0xFFF : limit,
                selector,
                (int) (descriptor >>> 40) & 0xF,
                true,
                (int) (descriptor >>> 45) & 3,
                (descriptor & 1L << 54) != 0,
                true,
                (descriptor & 1L << 53) != 0,
                granularity,
                false,
                false);
    }

    /** Base of a segment: outside of 64-bit mode. */
    public long base(int selector) {
        return segment(selector).base();
    }

    /** Runs the first {@code count} cases of a batch. */
    public void run(CaseBatch batch, int count, CaseBatch.Outcomes outcomes) {
        memory.write(DATA_AT, Arrays.copyOf(batch.memory, DATA_SIZE));
        memory.write(STACK_AT, Arrays.copyOfRange(batch.memory, DATA_SIZE, MEMORY_SIZE));
        for (int i = 0; i < count; i++) run(batch.get(i), outcomes.get(i));
        readMemory();
        System.arraycopy(image, 0, outcomes.memory, 0, MEMORY_SIZE);
    }

    private void readMemory() {
        System.arraycopy(memory.read(DATA_AT, DATA_SIZE), 0, image, 0, DATA_SIZE);
        System.arraycopy(memory.read(STACK_AT, STACK_SIZE), 0, image, DATA_SIZE, STACK_SIZE);
    }

    private void run(Case start, Outcome end) {
        byte[] code = start.code();
        memory.write(start.codeAt() - CODE + CODE_AT, code);
        memory.write(start.place() - DATA + DATA_AT, start.operand());
        load(start);
        stopper.vector = -1;
        VcpuExit exit;
        do {
            exit = vcpu.run(stopper);
        } while (stopper.vector < 0 && exit != VcpuExit.SHUTDOWN);
        store(end);
        Arrays.fill(code, INT3);
        memory.write(start.codeAt() - CODE + CODE_AT, code);
        readMemory();
        end.checksum(sum(sum(0, 0, DATA_SIZE), DATA_SIZE, STACK_SIZE));
    }

    private void load(Case start) {
        SpecialRegisters s = template;
        SegmentRegister fs = segment(start.selector(Case.FS));
        SegmentRegister gs = segment(start.selector(Case.GS));
        vcpu.specialRegisters(new SpecialRegisters(
                segment(start.selector(Case.CS)),
                segment(start.selector(Case.DS)),
                segment(start.selector(Case.ES)),
                start.wide() ? based(fs, start.fsBase()) : fs,
                start.wide() ? based(gs, start.gsBase()) : gs,
                segment(start.selector(Case.SS)),
                s.tr(),
                s.ldt(),
                s.gdt(),
                s.idt(),
                s.cr0(),
                0,
                s.cr3(),
                s.cr4(),
                0,
                s.efer(),
                s.apicBase()));
        vcpu.registers(new Registers(
                start.register(0),
                start.register(3),
                start.register(1),
                start.register(2),
                start.register(6),
                start.register(7),
                start.register(4),
                start.register(5),
                start.register(8),
                start.register(9),
                start.register(10),
                start.register(11),
                start.register(12),
                start.register(13),
                start.register(14),
                start.register(15),
                start.rip(),
                start.flags()));
        byte[] xsave = Arrays.copyOf(start.fxsave(), XSAVE_SIZE);
        xsave[XSTATE_BV] = (byte) XSAVE_X87_SSE_AVX;
        for (int i = 0; i < YMM_WORDS; i++) Words.put(xsave, YMM_AT + i * Long.BYTES, start.ymm(i));
        vcpu.fpuState(new FpuState(xsave, XSAVE_X87_SSE_AVX));
    }

    private static SegmentRegister based(SegmentRegister s, long base) {
        return new SegmentRegister(
                base,
                s.limit(),
                s.selector(),
                s.type(),
                s.present(),
                s.dpl(),
                s.db(),
                s.codeOrData(),
                s.longMode(),
                s.granularity(),
                s.available(),
                s.unusable());
    }

    private void store(Outcome end) {
        Registers r = vcpu.registers();
        SpecialRegisters s = vcpu.specialRegisters();
        long[] general = {
            r.rax(), r.rcx(), r.rdx(), r.rbx(), 0, r.rbp(), r.rsi(), r.rdi(), r.r8(), r.r9(), r.r10(), r.r11(), r.r12(),
            r.r13(), r.r14(), r.r15(),
        };
        for (int i = 0; i < general.length; i++) end.register(i, general[i]);
        int vector = stopper.vector;
        end.vector(vector);
        boolean hasError = vector == 8 || (vector >= 10 && vector <= PF) || vector == 17;
        end.error(hasError ? memory.getLong(KERNEL_STACK - 48) : 0);
        end.rip(memory.getLong(KERNEL_STACK - 40));
        end.selector(Case.CS, (int) memory.getLong(KERNEL_STACK - 32));
        end.flags(memory.getLong(KERNEL_STACK - 24));
        end.register(4, memory.getLong(KERNEL_STACK - 16));
        end.selector(Case.SS, (int) memory.getLong(KERNEL_STACK - 8));
        end.selector(Case.DS, s.ds().selector());
        end.selector(Case.ES, s.es().selector());
        end.selector(Case.FS, s.fs().selector());
        end.selector(Case.GS, s.gs().selector());
        end.bases(s.fs().base(), s.gs().base());
        end.address(vector == PF ? s.cr2() : 0);
        byte[] xsave = vcpu.fpuState().xsave();
        end.fxsave(Arrays.copyOf(xsave, FXSAVE_SIZE));
        end.ymm(Arrays.copyOfRange(xsave, YMM_AT, XSAVE_SIZE));
    }

    /** As in case-oracle.c. */
    private long sum(long seed, int from, int size) {
        final long factor = 0x9E37_79B9_7F4A_7C15L;
        long a = seed;
        long b = 1;
        long c = 2;
        long d = 3;
        for (int i = from; i < from + size; i += 32) {
            a = (a ^ Words.get(image, i)) * factor;
            b = (b ^ Words.get(image, i + 8)) * factor;
            c = (c ^ Words.get(image, i + 16)) * factor;
            d = (d ^ Words.get(image, i + 24)) * factor;
        }
        a ^= Long.rotateLeft(b, 13) ^ Long.rotateLeft(c, 29) ^ Long.rotateLeft(d, 47);
        return a ^ a >>> 32;
    }

    @Override
    public void close() {
        vm.close();
    }

    private static final class Stopper implements NoDevices {
        private final Vcpu vcpu;
        private int vector;

        Stopper(Vcpu vcpu) {
            this.vcpu = vcpu;
        }

        @Override
        public void portOut(int port, int size, long value) {
            vector = port;
            vcpu.kick();
        }
    }
}
