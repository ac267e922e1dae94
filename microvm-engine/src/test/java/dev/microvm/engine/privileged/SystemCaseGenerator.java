package dev.microvm.engine.privileged;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_ET;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_MP;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_NE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PG;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_TS;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_WP;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LMA;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_NXE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_SCE;

import dev.microvm.cpuid.CpuidEntry;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/** Makes {@link SystemCase}s: each follows from its own seed, so that it can be repeated alone. */
final class SystemCaseGenerator {
    /** The numbers of the bits that CR0 has: Intel SDM vol. 3A, 2.5. */
    private static final int[] CR0_BITS = {0, 1, 2, 3, 4, 5, 16, 18, 29, 30, 31};

    // RFLAGS: Intel SDM vol. 1, 3.4.3
    private static final long ARITHMETIC = 0x8D5;
    private static final long IF = 1 << 9;
    private static final long DF = 1 << 10;
    private static final long IOPL = 3 << 12;
    private static final long NT = 1 << 14;
    private static final long AC = 1 << 18;
    private static final long ID = 1 << 21;

    private static final int MC0_CTL = 0x400; // Intel SDM vol. 4, table 2-2
    private static final int MC32_CTL = 0x480;
    private static final int NO_MSRS = 0x600; // as many that KVM does not know

    private static final long DR7_ENABLES = 0xFF; // Intel SDM vol. 3B, figure 18-1
    private static final long UPPER_OFFSET = 0xFFFFL << 48; // of a gate
    private static final long LONG_CODE = 1L << 53; // L of a descriptor: Intel SDM vol. 3A, 3.4.5
    private static final int PF = 14;
    private static final int RSP = 4;
    private static final int RCX = 1;

    /**
     * Families for which processors differ in compatibility mode: {@link
     * NotCompared#UPPER_REGISTERS}.
     */
    private static final Set<String> MOVES_SYSTEM_REGISTERS = Set.of("control registers", "debug registers");

    private static final int[] SELECTORS = {
        Layout.CODE_64,
        Layout.DATA_0,
        Layout.CODE_32,
        Layout.USER_DATA,
        Layout.USER_CODE_64,
        Layout.USER_CODE_32,
        Layout.CODE_16,
        Layout.TASK_SELECTOR,
        Layout.LDT_SELECTOR,
        Layout.USER_CODE_16,
        Layout.DATA_16,
        Layout.CODE_1,
        Layout.DATA_1,
        Layout.CODE_2,
        Layout.DATA_2,
        Layout.CONFORMING_0,
        Layout.CONFORMING_3
    };

    private final Map<Mode, byte[]> templates =
            Arrays.stream(Mode.values()).collect(Collectors.toMap(mode -> mode, Template::of));
    private final Features features;
    private final Family[] families;

    // Of the case under construction
    private SplittableRandom random = new SplittableRandom(0);
    private SystemCase c;
    private final byte[] code = new byte[32];
    private int length;

    private record Family(String name, int weight, Runnable make) {}

    /**
     * Makes a generator.
     *
     * @param cpuid what the machine of each case announces; what is not there is not used
     */
    SystemCaseGenerator(List<CpuidEntry> cpuid) {
        features = new Features(cpuid);
        c = new SystemCase("", Mode.LONG_64, 0, new byte[0]);
        families = new Family[] {
            new Family("control registers", 12, this::controlRegister),
            new Family("debug registers", 5, this::debugRegister),
            new Family("machine status", 4, this::machineStatus),
            new Family("descriptor tables", 6, this::descriptorTable),
            new Family("descriptors looked at", 8, this::rights),
            new Family("segment loads", 14, this::segmentLoad),
            new Family("far transfers", 14, this::farTransfer),
            new Family("far returns", 12, this::farReturn),
            new Family("interrupt returns", 14, this::interruptReturn),
            new Family("interrupts", 12, this::interrupt),
            new Family("flags", 6, this::flagsInstruction),
            new Family("ports", 8, this::port),
            new Family("msrs", 10, this::msr),
            new Family("system calls", 12, this::systemCall),
            new Family("other", 6, this::other),
            new Family("paging", 40, this::paging),
        };
    }

    /** The case of a seed. */
    SystemCase make(long seed) {
        random = new SplittableRandom(seed);
        int total = Arrays.stream(families).mapToInt(Family::weight).sum();
        int at = random.nextInt(total);
        Family family = families[0];
        for (Family each : families) {
            family = each;
            at -= each.weight;
            if (at < 0) break;
        }
        begin(family.name);
        family.make.run();
        finish();
        return c;
    }

    // Random things

    private boolean chance(int percent) {
        return random.nextInt(100) < percent;
    }

    private int any(int... of) {
        return of[random.nextInt(of.length)];
    }

    private long bit(int number, int percent) {
        return chance(percent) ? 1L << number : 0;
    }

    private long value() {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextInt(0x200) - 0x100;
            case 1 -> random.nextInt();
            case 2 -> 1L << random.nextInt(64);
            default -> random.nextLong();
        };
    }

    private long canonical() {
        return value() << 16 >> 16;
    }

    /** Where a far transfer leads. */
    private long target() {
        int offset = Layout.LANDING + random.nextInt(Layout.PAGE / 2 - 8) * 2;
        int which = random.nextInt(100);
        if (which < 55) return offset;
        if (which < 88) return (long) offset + (c.mode.paging ? Layout.USER_ALIAS : 0);
        if (which < 91 && c.mode.paging) return Layout.UNMAPPED_CODE + 0x10;
        if (!c.mode.paging || SystemCaseMachine.EMULATED)
            return offset; // no memory elsewhere; NotCompared.TARGET_CHECKS
        if (which < 94) return offset + 0x1_0000_0000L; // which 32 bits cut off
        return which < 97 ? random.nextLong() << 16 | offset : (random.nextInt() << 16 & 0xFFFF_FFFFL) | offset;
    }

    private int selector() {
        int which = random.nextInt(100);
        if (which < 3) return random.nextInt(4);
        int selector = which < 65
                ? any(SELECTORS)
                : which < 80
                        ? Layout.FREE + random.nextInt((Layout.GATES - Layout.FREE) / 8) * 8
                        : which < 88
                                ? Layout.GATES + random.nextInt(16) * 16
                                : which < 95 ? random.nextInt(16) * 8 | 4 : random.nextInt(0x1_0000);
        return chance(25) ? selector ^ random.nextInt(4) : selector;
    }

    /** A selector of code that may well be gone to. */
    private int codeSelector() {
        if (chance(15)) return selector();
        int selector = any(
                Layout.CODE_64,
                Layout.CODE_32,
                Layout.USER_CODE_64,
                Layout.USER_CODE_32,
                Layout.CODE_16,
                Layout.USER_CODE_16,
                Layout.CODE_1,
                Layout.CODE_2,
                Layout.CONFORMING_0,
                Layout.CONFORMING_3,
                c.segments[SystemCase.CS].selector(),
                c.segments[SystemCase.CS].selector());
        return chance(10) ? selector ^ random.nextInt(4) : selector;
    }

    /** A stack segment's selector that may well fit a code segment's. */
    private int stackSelector(int codeSelector) {
        if (chance(15)) return stackOf(selector(), codeSelector & 3);
        if (chance(8)) return codeSelector & 3;
        if (chance(8) && (codeSelector & 3) == 0) return Layout.DATA_16;
        return usualStack(codeSelector);
    }

    private static int usualStack(int codeSelector) {
        return new int[] {Layout.DATA_0, Layout.DATA_1, Layout.DATA_2, Layout.USER_DATA}[codeSelector & 3];
    }

    /**
     * A selector for SS, whose level in the lab is right if it is null: {@link
     * NotCompared#NULL_STACK_LEVEL}.
     */
    private static int stackOf(int selector, int level) {
        return SystemCaseMachine.EMULATED && selector < 4 ? level : selector;
    }

    private long randomFlags() {
        return 2
                | (random.nextInt() & (ARITHMETIC | IOPL))
                | maybe(IF, 50)
                | maybe(DF, 10)
                | maybe(NT, 4)
                | maybe(AC, 10)
                | maybe(ID, 30);
    }

    private long maybe(long bits, int percent) {
        return chance(percent) ? bits : 0;
    }

    // Beginning and end

    private void begin(String name) {
        Mode mode = switch (random.nextInt(20)) {
            case 0, 1, 2, 3, 4, 5, 6, 7 -> Mode.LONG_64;
            case 8, 9, 10 -> Mode.LONG_32;
            case 11 -> Mode.LONG_16;
            case 12, 13 -> Mode.PAE_32;
            case 14 -> Mode.PAE_16;
            case 15, 16 -> Mode.PAGED_32;
            case 17 -> Mode.PAGED_16;
            case 18 -> Mode.FLAT_32;
            default -> Mode.FLAT_16;
        };
        int which = random.nextInt(100);
        int cpl = which < 62 ? 0 : which < 92 ? 3 : which < 96 ? 1 : 2;
        begin(name, mode, cpl);
    }

    private void begin(String name, Mode mode, int cpl) {
        length = 0;
        c = new SystemCase(
                name, mode, cpl, templates.getOrDefault(mode, new byte[0]).clone());
        descriptors();
        gates();
        startSegments();
        for (int i = 0; i < c.registers.length; i++) c.registers[i] = value();
        if (!mode.isLong)
            for (int i = 0; i < c.registers.length; i++) c.registers[i] = i < 8 ? c.registers[i] & 0xFFFF_FFFFL : 0;
        boolean narrowStack = c.segments[SystemCase.SS].selector() == Layout.DATA_16;
        c.registers[RSP] = Layout.STACK + 0x800 + random.nextInt(32) * 8L - (narrowStack ? Layout.DATA : 0);
        c.rip = Layout.CODE + random.nextInt(8) * 2L + (cpl == 0 || !mode.paging ? 0 : Layout.USER_ALIAS);
        c.flags = randomFlags();
        controls();
        systemCallRegisters();
        for (int i = 0; i < 4; i++) c.debug[i] = value();
        if (!mode.isLong) for (int i = 0; i < 4; i++) c.debug[i] &= 0xFFFF_FFFFL;
        for (int i = 0; i < 64; i += 8) c.put64(Layout.DATA + i, value());
        for (int i = 0; i < 64; i += 8) c.put64(stackAddress() + i, value());
        c.idtLimit = Layout.VECTORS * (mode.isLong ? 16 : 8) - 1;
        if (chance(3)) c.gdtLimit = random.nextInt(0x200);
    }

    /** The linear address of the top of the stack. */
    private int stackAddress() {
        boolean flat = c.mode.is64();
        return (int) (c.registers[RSP] + (flat ? 0 : c.segments[SystemCase.SS].base()));
    }

    private void controls() {
        Mode mode = c.mode;
        c.cr0 = CR0_PE
                | CR0_ET
                | CR0_NE
                | (mode.paging ? CR0_PG : 0)
                | (chance(70) ? CR0_WP : 0)
                | (chance(50) ? CR0_MP : 0);
        if (chance(5)) c.cr0 |= CR0_TS;
        c.cr2 = mode.isLong ? canonical() : value() & 0xFFFF_FFFFL;
        int tables = !mode.paging
                ? Layout.DIRECTORY_32
                : mode.isLong ? Layout.PML4 : mode.pae ? Layout.PAE_POINTERS : Layout.DIRECTORY_32;
        c.cr3 = tables;
        c.cr4 = 1L << Features.CR4_OSFXSR | (mode.pae ? 1L << Features.CR4_PAE : 0);
        for (int each : features.cr4())
            if (each != Features.CR4_PAE && each != Features.CR4_PCIDE) c.cr4 |= bit(each, 15);
        c.cr8 = chance(10) ? random.nextInt(16) : 0;
        c.efer = mode.isLong ? EFER_LME | EFER_LMA : 0;
        if (chance(80)) c.efer |= EFER_SCE;
        if (chance(80)) c.efer |= EFER_NXE;
    }

    private void systemCallRegisters() {
        c.msrs[SystemCase.SYSENTER_CS] = chance(25)
                ? SystemCaseMachine.EMULATED ? 0 : random.nextInt(4)
                : any(8, 0x10, 0x1B, 0x2A, 0xFFFF, 0xFFF0);
        c.msrs[SystemCase.SYSENTER_ESP] = Layout.STACK + 0x400;
        c.msrs[SystemCase.SYSENTER_EIP] = target() << 16 >> 16;
        c.msrs[SystemCase.STAR] = (random.nextLong() & 0xFFFF_FFFF_0000_0000L) | (target() & 0xFFFF_FFFFL);
        c.msrs[SystemCase.LSTAR] = target() << 16 >> 16;
        c.msrs[SystemCase.CSTAR] = target() << 16 >> 16;
        c.msrs[SystemCase.FMASK] = random.nextInt() & 0xFFFF_FFFFL;
        c.msrs[SystemCase.KERNEL_GS_BASE] = canonical();
        c.msrs[SystemCase.PAT] = 0x0007_0406_0007_0406L;
        c.msrs[SystemCase.TSC_AUX] = random.nextInt() & 0xFFFF_FFFFL;
    }

    /** Random segments and call gates. */
    private void descriptors() {
        for (int at = Layout.FREE; at < Layout.GATES; at += 8) c.put64(Layout.GDT + at, segment());
        for (int at = 0; at <= Layout.LDT_LIMIT; at += 8) c.put64(Layout.LDT + at, segment());
        for (int at = Layout.GATES; at < Layout.GDT_LIMIT; at += 16) {
            int type = chance(85) ? 0xC : chance(60) ? 0x4 : random.nextInt(16);
            if (!c.mode.isLong && isTask(type)) type = 0; // NotCompared.TASK_SWITCH
            int access = (chance(92) ? 0x80 : 0) | random.nextInt(4) << 5 | type;
            long[] words = Template.gate(codeSelectorOf(), target(), access, chance(60) ? 0 : random.nextInt(8));
            if (SystemCaseMachine.EMULATED && type < 8) words[0] &= ~UPPER_OFFSET; // NotCompared.NARROW_GATE
            c.put64(Layout.GDT + at, words[0]);
            c.put64(Layout.GDT + at + 8, c.mode.isLong ? words[1] | (chance(4) ? random.nextLong() << 32 : 0) : 0);
        }
    }

    private int codeSelectorOf() {
        return chance(12)
                ? selector()
                : any(
                        Layout.CODE_64,
                        Layout.CODE_64,
                        Layout.CODE_32,
                        Layout.USER_CODE_64,
                        Layout.CODE_1,
                        Layout.CODE_2,
                        Layout.CONFORMING_0,
                        Layout.CODE_16);
    }

    private long segment() {
        int access = (chance(90) ? 0x80 : 0) | random.nextInt(4) << 5 | (chance(88) ? 0x10 : 0) | random.nextInt(16);
        long base = chance(60) ? 0 : chance(60) ? Layout.DATA : random.nextInt();
        int limit = chance(50) ? 0xF_FFFF : random.nextInt(0x10_0000);
        if (!c.mode.isLong && isTask(access & 0x1F)) access &= ~0xF; // NotCompared.TASK_SWITCH
        boolean code = (access & 0x18) == 0x18;
        if (SystemCaseMachine.EMULATED && code) { // NotCompared.TARGET_CHECKS
            base = 0;
            limit = 0xF_FFFF;
            access |= 1; // NotCompared.CODE_ACCESSED
        }
        int flags = chance(60) || (SystemCaseMachine.EMULATED && code) ? any(0xA, 0xC, 0x8) : random.nextInt(16);
        return Template.descriptor(base, limit, access, flags);
    }

    /**
     * Whether this type of a system descriptor is of a task-state segment or task gate: Intel SDM
     * vol. 3A, table 3-2.
     */
    private static boolean isTask(int type) {
        return type == 1 || type == 3 || type == 5 || type == 9 || type == 11;
    }

    /**
     * Gates from vector 0x20 on, of any kind; those before lead to their handlers, but for a few.
     */
    private void gates() {
        for (int vector = 0x20; vector < Layout.VECTORS; vector++) gate(vector);
        if (chance(4)) removeGate(any(6, 8, 10, 11, 12, 13, 14));
    }

    /** Lets users call a vector's gate. */
    private void userGate(int vector) {
        int at = Layout.IDT + vector * (c.mode.isLong ? 16 : 8);
        c.put64(at, c.get64(at) | 3L << 45);
    }

    /** Clears the present bit of a vector's gate. */
    private void removeGate(int vector) {
        int at = Layout.IDT + vector * (c.mode.isLong ? 16 : 8);
        c.put64(at, c.get64(at) & ~(1L << 47));
    }

    private void gate(int vector) {
        int type = chance(85) ? any(0xE, 0xF) : c.mode.isLong ? random.nextInt(16) : any(6, 7, 6, 7, 2, 0xC, 4, 0);
        int access = (chance(93) ? 0x80 : 0) | (chance(60) ? 3 : random.nextInt(4)) << 5 | type;
        int selector = chance(60) ? (c.mode.isLong ? Layout.CODE_64 : Layout.CODE_32) : codeSelectorOf();
        long offset = chance(80) ? Layout.HANDLERS + vector * 4L : target();
        boolean inner =
                selector == Layout.CODE_64 || !SystemCaseMachine.EMULATED; // NotCompared.INTERRUPT_STACK_SAME_LEVEL
        int stack = chance(70) || !inner ? 0 : random.nextInt(8);
        long[] words = Template.gate(selector, offset, access, stack);
        if (SystemCaseMachine.EMULATED && type < 8) words[0] &= ~UPPER_OFFSET; // NotCompared.NARROW_GATE
        int at = Layout.IDT + vector * (c.mode.isLong ? 16 : 8);
        c.put64(at, words[0]);
        if (c.mode.isLong) c.put64(at + 8, words[1]);
    }

    private void startSegments() {
        int level = c.cpl;
        if (level == 1 || level == 2) resize(level == 1 ? Layout.CODE_1 : Layout.CODE_2);
        int codeSelector = switch (level) {
            case 1 -> Layout.CODE_1;
            case 2 -> Layout.CODE_2;
            case 3 ->
                c.mode.width == 8 ? Layout.USER_CODE_64 : c.mode.width == 4 ? Layout.USER_CODE_32 : Layout.USER_CODE_16;
            default -> c.mode.width == 8 ? Layout.CODE_64 : c.mode.width == 4 ? Layout.CODE_32 : Layout.CODE_16;
        };
        int stack = usualStack(level);
        if (level == 0 && !c.mode.isLong && chance(15)) stack = Layout.DATA_16; // in long mode: NotCompared.GATE_STACK
        int data = level == 0 ? Layout.DATA_0 : Layout.USER_DATA;
        c.segments[SystemCase.CS] = c.loaded(codeSelector);
        c.segments[SystemCase.SS] = c.loaded(stack);
        for (int i : new int[] {SystemCase.ES, SystemCase.DS, SystemCase.FS, SystemCase.GS}) {
            c.segments[i] = c.loaded(
                    chance(85) || i == SystemCase.DS
                            ? data
                            : level != 0
                                    ? Layout.USER_CODE_32
                                    : any(
                                            Layout.DATA_1,
                                            Layout.DATA_2,
                                            Layout.USER_DATA,
                                            Layout.CODE_32,
                                            Layout.CONFORMING_0));
        }
        c.task = c.loaded(Layout.TASK_SELECTOR);
        c.localTable = c.loaded(chance(90) ? Layout.LDT_SELECTOR : 0);
    }

    /** Gives a code segment the width of the mode. */
    private void resize(int selector) {
        int at = SystemCase.descriptorAt(selector);
        int flags = c.mode.width == 8 ? 0xA : c.mode.width == 4 ? 0xC : 0x8;
        c.put64(at, (c.get64(at) & ~(0xFL << 52)) | (long) flags << 52);
    }

    private void finish() {
        boolean narrow = !c.mode.is64() && MOVES_SYSTEM_REGISTERS.contains(c.family);
        if (!c.mode.isLong || narrow) for (int i = 0; i < 16; i++) c.registers[i] &= 0xFFFF_FFFFL;
        c.code = Arrays.copyOf(code, length);
        int at = ((int) c.rip & (Layout.PAGE - 1)) | Layout.CODE;
        System.arraycopy(code, 0, c.memory, at, length);
        // an OUT follows whatever its length is
        for (int i = at + length; i < at + length + 32; i += 2) {
            c.memory[i] = (byte) 0xE6;
            c.memory[i + 1] = (byte) Layout.END_PORT;
        }
    }

    // Code

    private void emit(int... bytes) {
        for (int each : bytes) code[length++] = (byte) each;
    }

    private void emit32(long value) {
        for (int i = 0; i < 4; i++) emit((int) (value >>> (i * 8)) & 0xFF);
    }

    /** Any operand size of the mode, in bytes. */
    private int anySize() {
        return c.mode.is64() ? any(2, 4, 4, 8, 8) : any(2, 4);
    }

    private static int rex(boolean wide, int reg, int rm) {
        return 0x40 | (wide ? 8 : 0) | reg >> 3 << 2 | rm >> 3;
    }

    private void sizePrefix(int size) {
        boolean differs = c.mode.width == 2 ? size == 4 : size == 2;
        if (differs) emit(0x66);
    }

    /** An instruction with a register operand; {@code opcode} after its prefixes. */
    private void onRegister(int size, int reg, int rm, int... opcode) {
        sizePrefix(size);
        if (size == 8 || reg > 7 || rm > 7) emit(rex(size == 8, reg, rm));
        emit(opcode);
        emit(0xC0 | (reg & 7) << 3 | (rm & 7));
    }

    /** An instruction with an operand at an address below 4 GiB. */
    private void onMemory(int size, int reg, long address, int... opcode) {
        sizePrefix(size);
        if (c.mode.width == 2) emit(0x67);
        if (size == 8 || reg > 7) emit(rex(size == 8, reg, 0));
        emit(opcode);
        if (c.mode.is64()) {
            emit((reg & 7) << 3 | 4, 0x25);
        } else {
            emit((reg & 7) << 3 | 5);
        }
        emit32(address);
    }

    /** Either, with a selector as the operand; answers nothing. */
    private void onSelector(int size, int reg, int selector, int... opcode) {
        if (chance(50)) {
            int rm = register();
            c.registers[rm] = (c.registers[rm] & ~0xFFFFL) | (selector & 0xFFFF);
            onRegister(size, reg, rm, opcode);
        } else {
            c.put16(Layout.DATA + 0x10, selector);
            onMemory(size, reg, Layout.DATA + 0x10, opcode);
        }
    }

    /** A general register that is not the stack pointer. */
    private int register() {
        while (true) {
            int number = random.nextInt(c.mode.is64() ? 16 : 8);
            if (number != RSP) return number;
        }
    }

    private void mostlySupervisor() {
        if (c.cpl != 0 && chance(70)) begin(c.family, c.mode, 0);
    }

    // Families

    private void controlRegister() {
        mostlySupervisor();
        int number = chance(95)
                ? any(0, 0, 0, 2, 3, 4, 4, 4, c.mode.is64() ? 8 : 0)
                : random.nextInt(c.mode.is64() ? 16 : 8);
        int operand = register();
        boolean exists = number == 0 || (number >= 2 && number <= 4) || number == 8;
        if (SystemCaseMachine.EMULATED && !exists && c.cpl != 0) begin(c.family, c.mode, 0); // NotCompared.LEVEL_FIRST
        boolean write = chance(75);
        if (SystemCaseMachine.EMULATED && write && c.mode.pae && !c.mode.isLong) { // NotCompared.PAE_POINTER_ACCESSED
            begin(c.family, Mode.PAGED_32, c.cpl);
        }
        if (write) c.registers[operand] = newControl(number);
        if (number > 7 || operand > 7) emit(rex(false, number, operand));
        emit(0x0F, write ? 0x22 : 0x20, 0xC0 | (number & 7) << 3 | (operand & 7));
    }

    private long newControl(int number) {
        long value = switch (number) {
            case 0 -> c.cr0;
            case 3 -> c.cr3;
            case 4 -> c.cr4;
            case 8 -> random.nextInt(16);
            default -> value();
        };
        int flips = random.nextInt(3);
        for (int i = 0; i < flips; i++) {
            int bit = switch (number) {
                case 0 -> chance(92) ? any(CR0_BITS) : random.nextInt(32); // NotCompared.UPPER_CONTROL
                case 3 ->
                    chance(50) || SystemCaseMachine.EMULATED
                            ? any(3, 4)
                            : chance(50) ? 40 + random.nextInt(24) : any(0, 1, 2, 5, 6, 63);
                case 4 ->
                    chance(92) ? features.cr4()[random.nextInt(features.cr4().length)] : any(13, 14, 15, 19, 24, 31);
                default -> random.nextInt(64);
            };
            value ^= 1L << bit;
        }
        return value;
    }

    private void debugRegister() {
        mostlySupervisor();
        int number = random.nextInt(c.mode.is64() && c.cpl == 0 && chance(4) ? 16 : 8); // NotCompared.LEVEL_FIRST
        int operand = register();
        if (chance(20) && !SystemCaseMachine.EMULATED) c.debug[5] |= 1 << 13; // GD: NotCompared.GENERAL_DETECT
        if (chance(60)) c.registers[operand] = random.nextInt() & 0xFFFF_FFFFL;
        if (SystemCaseMachine.EMULATED) c.registers[operand] &= ~DR7_ENABLES; // NotCompared.BREAKPOINTS
        if (number > 7 || operand > 7) emit(rex(false, number, operand));
        emit(0x0F, any(0x21, 0x23), 0xC0 | (number & 7) << 3 | (operand & 7));
    }

    private void machineStatus() {
        int which = random.nextInt(10);
        if (which < 2) {
            emit(0x0F, 0x06); // CLTS
        } else if (which < 6) {
            if (chance(60)) onRegister(anySize(), 4, register(), 0x0F, 0x01);
            else onMemory(anySize(), 4, Layout.DATA + 0x20, 0x0F, 0x01); // SMSW
        } else {
            mostlySupervisor();
            onSelector(anySize(), 6, random.nextInt(0x1_0000), 0x0F, 0x01); // LMSW
        }
    }

    private void descriptorTable() {
        mostlySupervisor();
        switch (random.nextInt(8)) {
            case 0 -> onMemory(anySize(), 0, Layout.DATA + 0x20, 0x0F, 0x01);
            case 1 -> onMemory(anySize(), 1, Layout.DATA + 0x20, 0x0F, 0x01);
            case 2, 3 -> {
                c.put16(Layout.DATA + 0x20, random.nextInt());
                c.put64(Layout.DATA + 0x22, chance(70) || SystemCaseMachine.EMULATED ? canonical() : value());
                int size = SystemCaseMachine.EMULATED && c.mode.is64() ? 4 : anySize(); // NotCompared.TABLE_BASE
                onMemory(size, any(2, 3), Layout.DATA + 0x20, 0x0F, 0x01);
            }
            case 4 -> {
                int which = random.nextInt(2);
                if (chance(60)) onRegister(anySize(), which, register(), 0x0F, 0x00);
                else onMemory(anySize(), which, Layout.DATA + 0x20, 0x0F, 0x00);
            }
            case 5 -> {
                if (chance(70)) systemSegment(0x2);
                onSelector(4, 2, chance(60) ? Layout.FREE : selector(), 0x0F, 0x00); // LLDT
            }
            default -> {
                if (chance(70)) systemSegment(0x9);
                if (SystemCaseMachine.EMULATED && c.mode.isLong) dropNarrowSystemTypes();
                int selector = chance(60) ? Layout.FREE : selector();
                if (SystemCaseMachine.EMULATED && selector < 4) selector = Layout.FREE; // NotCompared.NULL_TASK
                onSelector(4, 3, selector, 0x0F, 0x00); // LTR
            }
        }
    }

    /** Puts a descriptor of a table or task at {@link Layout#FREE}. */
    private void systemSegment(int type) {
        int access = (chance(90) ? 0x80 : 0) | random.nextInt(4) << 5 | (chance(90) ? type : random.nextInt(16));
        c.put64(
                Layout.GDT + Layout.FREE,
                Template.descriptor(random.nextInt(), random.nextInt(0x10_0000), access, random.nextInt(16)));
        c.put64(Layout.GDT + Layout.FREE + 8, chance(80) ? random.nextInt(0x8000) : random.nextLong());
    }

    private void rights() {
        int reg = register();
        if (SystemCaseMachine.EMULATED && c.mode.isLong) dropNarrowSystemTypes();
        switch (random.nextInt(6)) {
            case 0, 1 -> {
                c.notCompared.add(NotCompared.LAR_LIMIT);
                onSelector(anySize(), reg, selector(), 0x0F, 0x02);
            }
            case 2, 3 -> onSelector(anySize(), reg, selector(), 0x0F, 0x03);
            case 4 -> onSelector(2 + 2 * random.nextInt(2), any(4, 5), selector(), 0x0F, 0x00);
            default -> {
                if (c.mode.is64()) begin(c.family, Mode.LONG_32, c.cpl);
                onSelector(c.mode.width, random.nextInt(8), selector(), 0x63);
            }
        }
    }

    /** Makes nothing of what is of 16 bits: {@link NotCompared#NARROW_SYSTEM_TYPES}. */
    private void dropNarrowSystemTypes() {
        for (int at = 0; at <= Layout.LDT_LIMIT; at += 8) dropNarrowSystemType(Layout.LDT + at);
        for (int at = 0; at <= Layout.GDT_LIMIT; at += 8) dropNarrowSystemType(Layout.GDT + at);
    }

    private void dropNarrowSystemType(int at) {
        int type = (int) (c.get64(at) >>> 40) & 0x1F;
        if (type == 1 || type == 3 || type == 4 || type == 5) c.put64(at, 0);
    }

    private void segmentLoad() {
        int selector = c.mode.is64() ? stackOf(selector(), c.cpl) : selector();
        switch (random.nextInt(10)) {
            case 0, 1, 2, 3, 4 -> onSelector(anySize(), any(0, 2, 2, 3, 4, 5, 1, 6), selector, 0x8E);
            case 5, 6, 7 -> {
                c.put16(stackAddress(), selector);
                boolean wide = c.mode.is64();
                sizePrefix(wide ? any(2, 8) : anySize());
                int which = any(0x0FA1, 0x0FA9, wide ? 0x0FA1 : 0x07, wide ? 0x0FA9 : 0x17, wide ? 0x0FA9 : 0x1F);
                if (which > 0xFF) emit(which >> 8);
                emit(which & 0xFF);
            }
            default -> {
                int size = c.mode.is64() ? any(2, 4) : anySize();
                c.put(Layout.DATA + 0x20, value(), size);
                c.put16(Layout.DATA + 0x20 + size, selector);
                int which = any(0x0FB2, 0x0FB4, 0x0FB5, c.mode.is64() ? 0x0FB2 : 0xC4, c.mode.is64() ? 0x0FB2 : 0xC5);
                if (which > 0xFF) onMemory(size, random.nextInt(4), Layout.DATA + 0x20, 0x0F, which & 0xFF);
                else onMemory(size, random.nextInt(4), Layout.DATA + 0x20, which);
            }
        }
    }

    private int farSelector() {
        return chance(40)
                ? (Layout.GATES + random.nextInt(16) * 16) | (chance(70) ? 0 : random.nextInt(4))
                : codeSelector();
    }

    private void farTransfer() {
        int selector = farSelector();
        long offset = target();
        boolean call = chance(50);
        if (!c.mode.is64() && chance(50)) {
            int size = any(2, 4);
            sizePrefix(size);
            emit(call ? 0x9A : 0xEA);
            for (int i = 0; i < size; i++) emit((int) (offset >>> (i * 8)) & 0xFF);
            emit(selector & 0xFF, selector >> 8 & 0xFF);
        } else {
            int size = c.mode.is64() ? any(2, 4, 4, 4, 8) : any(2, 4);
            c.put(Layout.DATA + 0x20, offset, size);
            c.put16(Layout.DATA + 0x20 + size, selector);
            onMemory(size, call ? 3 : 5, Layout.DATA + 0x20, 0xFF);
        }
    }

    private void frame(int size, long... words) {
        int at = stackAddress();
        for (long word : words) {
            c.put(at, word, size);
            at += size;
        }
    }

    private long stackPointer(int selector) {
        return Layout.STACK + 0x400 + random.nextInt(16) * 8L - (selector == Layout.DATA_16 ? Layout.DATA : 0);
    }

    private void farReturn() {
        int size = anySize();
        int selector = codeSelector() | (chance(90) ? c.cpl : 0);
        int stack = stackSelector(selector);
        int extra = chance(50) ? 0 : random.nextInt(4) * size;
        int at = stackAddress();
        frame(size, target(), selector);
        c.put(at + 2 * size + extra, stackPointer(stack), size);
        c.put(at + 3 * size + extra, stack, size);
        sizePrefix(size);
        if (size == 8) emit(0x48);
        if (extra == 0 && chance(70)) emit(0xCB);
        else emit(0xCA, extra, 0);
    }

    private void interruptReturn() {
        int size = anySize();
        int selector = codeSelector() | (chance(90) ? c.cpl : 0);
        int stack = stackSelector(selector);
        if (SystemCaseMachine.EMULATED
                && stack < 4
                && !isLongCode(selector)) { // NotCompared.NULL_STACK_IN_COMPATIBILITY_MODE
            stack = usualStack(selector);
        }
        if (chance(90) || !c.mode.isLong) c.flags &= ~NT; // NotCompared.TASK_SWITCH
        frame(size, target(), selector, randomFlags(), stackPointer(stack), stack);
        sizePrefix(size);
        if (size == 8) emit(0x48);
        emit(0xCF);
    }

    private boolean isLongCode(int selector) {
        return (c.get64(SystemCase.descriptorAt(selector)) & LONG_CODE) != 0;
    }

    private void interrupt() {
        switch (random.nextInt(10)) {
            case 0 -> {
                if (chance(50)) userGate(3);
                emit(0xCC);
            }
            case 1 -> {
                if (chance(50)) userGate(4);
                emit(0xCE);
            }
            default ->
                emit(
                        0xCD,
                        chance(80)
                                ? 0x20 + random.nextInt(Layout.VECTORS - 0x20)
                                : any(0, 1, 2, 3, 4, 5, 6, 7, 0x80, 0xFF));
        }
    }

    private void flagsInstruction() {
        int size = c.mode.is64() ? any(2, 8) : any(2, 4);
        switch (random.nextInt(6)) {
            case 0 -> emit(0xFA);
            case 1 -> emit(0xFB);
            case 2 -> {
                sizePrefix(size);
                emit(0x9C);
            }
            default -> {
                c.put(
                        stackAddress(),
                        randomFlags() | bit(17, 5) | bit(19, 5) | bit(20, 5) | bit(16, 5) | bit(35, 5),
                        size);
                sizePrefix(size);
                emit(0x9D);
            }
        }
    }

    private void port() {
        for (int i = Layout.FIRST_PORT / 8; i <= Layout.LAST_PORT / 8; i++) {
            c.memory[Layout.TASK + Layout.PORT_MAP + i] = (byte) (chance(60) ? 0 : random.nextInt(256));
        }
        if (chance(5)) c.put16(Layout.TASK + 0x66, random.nextInt(0x100));
        int number = Layout.FIRST_PORT + random.nextInt(Layout.LAST_PORT - Layout.FIRST_PORT + 4);
        c.registers[2] = (c.registers[2] & ~0xFFFFL) | number;
        int size = any(1, 2, 4);
        if (size > 1) sizePrefix(size);
        int wide = size > 1 ? 1 : 0;
        switch (random.nextInt(8)) {
            case 0 -> emit(0xE4 + wide, 0x80 + random.nextInt(0x70));
            case 1 -> emit(0xE6 + wide, 0x80 + random.nextInt(0x70));
            case 2, 3, 4 -> emit(0xEC + wide);
            default -> emit(0xEE + wide);
        }
    }

    private void msr() {
        mostlySupervisor();
        c.notCompared.add(NotCompared.SECOND_EXCEPTION);
        boolean write = chance(70);
        int index = chance(90)
                ? any(features.msrs())
                : value() < 0 ? 0xC000_0000 | random.nextInt(0x2000) : random.nextInt(0x2000);
        if (chance(10)) index = any(0x4000_0001, 0xC000_0090, 0x500, 0xC001_0FFF);
        if (index >= MC0_CTL && index < MC32_CTL) index += NO_MSRS - MC0_CTL; // NotCompared.MACHINE_CHECK
        c.registers[RCX] = (index & 0xFFFF_FFFFL)
                | (SystemCaseMachine.EMULATED || chance(50) ? 0 : random.nextLong() << 32); // NotCompared.MSR_INDEX
        if (write) {
            long value = newMsr(index);
            c.registers[0] = (value & 0xFFFF_FFFFL) | (c.mode.isLong && chance(50) ? random.nextLong() << 32 : 0);
            c.registers[2] = value >>> 32 | (c.mode.isLong && chance(50) ? random.nextLong() << 32 : 0);
        }
        if (!c.mode.isLong) for (int i = 0; i < 8; i++) c.registers[i] &= 0xFFFF_FFFFL;
        emit(0x0F, write ? 0x30 : 0x32);
    }

    private long newMsr(int index) {
        return switch (index) {
            case 0xC000_0080 -> c.efer ^ (chance(60) ? 0 : 1L << any(0, 8, 10, 11, 1, 9, 16, 63)) ^ bit(any(0, 11), 50);
            case 0x174 -> random.nextInt(0x1_0000);
            case 0xC000_0084 -> value() & 0xFFFF_FFFFL; // NotCompared.UPPER_HALF
            case 0x277 -> { // IA32_PAT
                long types = 0;
                for (int i = 0; i < 8; i++) types |= (long) any(0, 1, 4, 5, 6, 7) << (i * 8);
                yield chance(70) ? types : types ^ 1L << random.nextInt(64);
            }
            default -> SystemCaseMachine.EMULATED || chance(50) ? canonical() : value(); // NotCompared.CANONICAL_MSR
        };
    }

    private void systemCall() {
        switch (random.nextInt(9)) {
            case 0, 1 -> {
                if (SystemCaseMachine.EMULATED) { // NotCompared.SYSCALL_FLAGS, SYSCALL_STACK
                    c.msrs[SystemCase.FMASK] |= ARITHMETIC | DF;
                    c.msrs[SystemCase.STAR] &= ~(3L << 32);
                }
                emit(0x0F, 0x05);
            }
            case 2, 3, 4 -> {
                mostlySupervisor();
                c.registers[RCX] = target();
                c.registers[11] = c.mode.isLong
                        ? randomFlags() | (SystemCaseMachine.EMULATED ? 0 : bit(16, 10) | bit(17, 10) | bit(40, 10))
                        : 0;
                if (c.mode.is64() && chance(60)) emit(0x48);
                emit(0x0F, 0x07);
            }
            case 5 -> {
                leaveLongMode();
                emit(0x0F, 0x34);
            }
            case 6 -> {
                leaveLongMode();
                mostlySupervisor();
                c.registers[2] = target();
                c.registers[RCX] = Layout.STACK + 0x600;
                if (!c.mode.isLong) c.registers[2] &= 0xFFFF_FFFFL;
                if (c.mode.is64() && chance(60)) emit(0x48);
                emit(0x0F, 0x35);
            }
            default -> {
                if (!c.mode.is64() && chance(80)) begin(c.family, Mode.LONG_64, c.cpl);
                emit(0x0F, 0x01, 0xF8); // SWAPGS
            }
        }
    }

    /** {@link NotCompared#SYSENTER_IN_LONG_MODE}. */
    private void leaveLongMode() {
        if (SystemCaseMachine.EMULATED && c.mode.isLong) begin(c.family, Mode.PAGED_32, c.cpl);
    }

    private void other() {
        switch (random.nextInt(12)) {
            case 0 -> onMemory(c.mode.width, 7, Layout.DATA + 0x20, 0x0F, 0x01); // INVLPG
            case 1 -> emit(0x0F, any(0x08, 0x09)); // INVD, WBINVD
            case 2, 3 -> { // XSETBV
                mostlySupervisor();
                if (SystemCaseMachine.EMULATED && c.cpl == 0)
                    begin(c.family, c.mode, 3); // NotCompared.EXTENDED_CONTROL
                c.changeExtendedControl();
                if (chance(85) || SystemCaseMachine.EMULATED) c.cr4 |= 1L << Features.CR4_OSXSAVE;
                c.registers[RCX] = chance(85) ? 0 : random.nextInt(4);
                c.registers[0] = chance(85) ? random.nextInt(4) : value() & 0xFFFF_FFFFL;
                c.registers[2] = chance(90) ? 0 : value() & 0xFFFF_FFFFL;
                emit(0x0F, 0x01, 0xD1);
            }
            case 4 -> { // XGETBV
                if (chance(85)) c.cr4 |= 1L << Features.CR4_OSXSAVE;
                c.registers[RCX] = chance(70) ? 0 : 2 + random.nextInt(4);
                emit(0x0F, 0x01, 0xD0);
            }
            case 5 -> {
                c.notCompared.add(NotCompared.TIME);
                emit(0x0F, 0x31);
            }
            case 6 -> {
                c.notCompared.add(NotCompared.TIME);
                if (features.rdtscp()) emit(0x0F, 0x01, 0xF9);
                else emit(0x0F, 0x31);
            }
            case 7 -> emit(0xF4); // HLT
            case 8 -> {
                begin(c.family, c.mode, 3); // NotCompared.PERFORMANCE_COUNTERS
                c.cr4 &= ~(1L << Features.CR4_PCE);
                c.registers[RCX] = random.nextInt(8) | (chance(50) ? 1L << 30 : 0);
                emit(0x0F, 0x33); // RDPMC
            }
            case 9 -> {
                if (!features.rdpid()) begin(c.family, c.mode, 0);
                if (features.rdpid()) emit(0xF3, 0x0F, 0xC7, 0xF8);
                else emit(0x0F, 0x09);
            }
            case 10 -> invalidateContext();
            default -> { // RDFSBASE and the like
                if (!c.mode.is64()) begin(c.family, Mode.LONG_64, c.cpl);
                if (features.cr4(Features.CR4_FSGSBASE) && chance(80)) c.cr4 |= 1L << Features.CR4_FSGSBASE;
                int operand = register();
                if (chance(70) || SystemCaseMachine.EMULATED)
                    c.registers[operand] = canonical(); // NotCompared.CANONICAL_MSR
                emit(0xF3, rex(chance(60), 0, operand), 0x0F, 0xAE, 0xC0 | random.nextInt(4) << 3 | (operand & 7));
            }
        }
    }

    private void invalidateContext() {
        mostlySupervisor();
        if (!features.invpcid()) {
            emit(0x0F, 0x09);
            return;
        }
        int operand = register();
        c.registers[operand] = chance(85) ? random.nextInt(4) : value();
        if (c.mode.is64() && chance(50)) c.cr4 |= features.cr4(Features.CR4_PCIDE) ? 1L << Features.CR4_PCIDE : 0;
        c.put64(Layout.DATA + 0x20, chance(70) ? random.nextInt(0x1000) : value());
        c.put64(Layout.DATA + 0x28, chance(70) ? canonical() : value());
        emit(0x66);
        if (c.mode.width == 2) emit(0x67);
        if (operand > 7) emit(0x44);
        emit(0x0F, 0x38, 0x82);
        if (c.mode.is64()) emit((operand & 7) << 3 | 4, 0x25);
        else emit((operand & 7) << 3 | 5);
        emit32(Layout.DATA + 0x20);
    }

    // Paging

    private void paging() {
        if (!c.mode.paging) begin(c.family, any(0, 1) == 0 ? Mode.PAE_32 : Mode.PAGED_32, c.cpl);
        if (c.mode.width == 2)
            begin(c.family, c.mode.isLong ? Mode.LONG_64 : c.mode.pae ? Mode.PAE_32 : Mode.PAGED_32, c.cpl);
        if (chance(50)) c.cr4 |= features.cr4(Features.CR4_SMEP) ? 1L << Features.CR4_SMEP : 0;
        if (chance(50)) c.cr4 |= 1L << Features.CR4_PSE;
        entries();
        long page = c.mode.is64() ? Layout.TEST_64 : Layout.TEST_32;
        access(page);
    }

    /** Random entries at each level on the way to the page, and for the one behind it. */
    private void entries() {
        if (!c.mode.pae) {
            int directory = Layout.DIRECTORY_32 + (int) (Layout.TEST_32 >> 22) * 4;
            c.put32(directory, (int) entry(Layout.TABLE_32_TEST, 2, true));
            for (int i = 0; i < 2; i++) {
                int page = Layout.TEST + i * Layout.PAGE;
                c.put32(Layout.TABLE_32_TEST + page / Layout.PAGE * 4, (int) entry(page, 1, true));
            }
            return;
        }
        if (c.mode.is64()) {
            c.put64(Layout.PML4 + 8, entry(Layout.POINTERS_TEST, 4, false));
            c.put64(Layout.POINTERS_TEST, entry(Layout.DIRECTORY_TEST, 3, false));
        } else if (c.mode.isLong) {
            c.put64(Layout.POINTERS + 8, entry(Layout.DIRECTORY_TEST, 3, false));
        }
        c.put64(Layout.DIRECTORY_TEST, entry(Layout.TABLE_TEST, 2, false));
        for (int i = 0; i < 2; i++) {
            int page = Layout.TEST + i * Layout.PAGE;
            c.put64(Layout.TABLE_TEST + page / Layout.PAGE * 8, entry(page, 1, false));
        }
    }

    private long entry(long to, int level, boolean narrow) {
        long bits =
                bit(0, 94) | bit(1, 80) | bit(2, 80) | bit(3, 20) | bit(4, 20) | bit(5, 50) | bit(6, 50) | bit(8, 30);
        long address = to;
        if ((level == 2 || level == 3) && chance(12)) {
            bits |= 1 << 7; // a large page
            bits |= bit(12, 20); // PAT
            address = 0;
            if (chance(6)) bits |= narrow ? 1 << 21 : 1L << (13 + random.nextInt(8)); // reserved
        }
        if (level == 1) bits |= bit(7, 20);
        bits |= (long) random.nextInt(8) << 9;
        if (!narrow) {
            bits |= bit(63, 10);
            if (chance(3)) bits |= 1L << (40 + random.nextInt(12));
            if (chance(10) && c.mode.isLong) bits |= (long) random.nextInt(128) << 52;
            if (chance(1)) bits |= 1L << (52 + random.nextInt(11));
            if (level == 4 && chance(2)) bits |= 1 << 7;
        }
        return bits | address;
    }

    private void access(long page) {
        long at = page + (chance(15) ? Layout.PAGE - 1 - random.nextInt(3) : random.nextInt(0x400) * 2);
        boolean crosses = (at & Layout.PAGE - 1) > Layout.PAGE - Long.BYTES;
        if (crosses) c.notCompared.add(NotCompared.ACCESSED_ON_FAULT);
        int address = 3; // RBX
        c.registers[address] = at;
        int size = anySize();
        switch (random.nextInt(8)) {
            case 0, 1 -> pointed(size, 0x8B); // MOV r, [rbx]
            case 2, 3 -> pointed(size, 0x89); // MOV [rbx], r
            case 4 -> { // XCHG
                if (SystemCaseMachine.EMULATED) {
                    c.notCompared.add(NotCompared.READ_MODIFY_WRITE);
                    c.registers[address] = page; // in one page: else it is the other that faults
                }
                pointed(size, 0x87);
            }
            case 5 -> push(at);
            default -> {
                c.registers[address] = page + random.nextInt(0x400) * 2L;
                emit(0xFF, 0xE3); // JMP rbx
            }
        }
    }

    /**
     * PUSH; at level 0 the fault needs another stack, or it shuts down, on which QEMU hangs now and
     * then.
     */
    private void push(long at) {
        if (c.cpl == 0) {
            if (!c.mode.isLong) begin(c.family, Mode.LONG_64, 0);
            int gate = Layout.IDT + PF * 16;
            c.put64(gate, c.get64(gate) | 1L << 32); // by IST1
            entries();
        }
        c.registers[RSP] = at + 8 & -8L;
        emit(0x50 + any(0, 1, 2));
    }

    private void pointed(int size, int opcode) {
        sizePrefix(size);
        if (size == 8) emit(0x48);
        emit(opcode, 0x03 | any(0, 1, 2) << 3);
    }
}
