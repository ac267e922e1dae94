package dev.microvm.engine.exec.system;

import dev.microvm.engine.cpu.ControlRegisters;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Msrs;
import dev.microvm.engine.cpu.SegmentLoader;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Stack;
import dev.microvm.hypervisor.SpecialRegisters;

/** What operating systems use: Intel SDM vol. 3A, 2.8. Each method is one instruction's action. */
public final class SystemInstructions {
    private static final int STAR_SYSCALL_SHIFT = 32;
    private static final int STAR_SYSRET_SHIFT = 48;
    private static final int DR4 = 4;
    private static final int DR5 = 5;

    // Types of INVPCID: Intel SDM vol. 2A, INVPCID
    private static final int INVALIDATE_ADDRESS = 0;
    private static final int INVALIDATE_CONTEXT = 1;
    private static final int INVALIDATE_ALL = 2;
    private static final int INVALIDATE_ALL_BUT_GLOBAL = 3;
    private static final int PCID_BITS = 12;

    private SystemInstructions() {}

    // Flags

    public static void cli(Cpu cpu, Instruction at) {
        if (cpu.protectedMode() && cpu.cpl > cpu.iopl()) throw cpu.fault(Vectors.GP, 0, at);
        cpu.flags &= ~Flags.IF;
    }

    /**
     * STI; the translator makes the next instruction the last of the block, or {@code shadow} is
     * set.
     */
    public static void sti(Cpu cpu, Instruction at) {
        if (cpu.protectedMode() && cpu.cpl > cpu.iopl()) throw cpu.fault(Vectors.GP, 0, at);
        cpu.flags |= Flags.IF;
        cpu.flagsChanged();
    }

    public static void pushFlags(Cpu cpu, int size, Instruction at) {
        if (cpu.virtual8086() && cpu.iopl() < 3) throw cpu.fault(Vectors.GP, 0, at);
        Stack.push(cpu, Flags.all(cpu) & ~(Flags.VM | Flags.RF), size, at);
    }

    public static void popFlags(Cpu cpu, int size, Instruction at) {
        if (cpu.virtual8086() && cpu.iopl() < 3) throw cpu.fault(Vectors.GP, 0, at);
        int popped = (int) Stack.top(cpu, size, at);
        Stack.drop(cpu, size);
        int kept = Flags.VM | Flags.VIF | Flags.VIP;
        if (cpu.protectedMode()) {
            if (cpu.cpl > 0) kept |= Flags.IOPL;
            if (cpu.cpl > cpu.iopl()) kept |= Flags.IF;
        }
        if (size == 2) kept |= ~0xFFFF;
        Flags.all(cpu, ((popped & ~kept) | (cpu.flags & kept)) & ~Flags.RF);
    }

    public static void lahf(Cpu cpu, Instruction at) {
        long ah = (Flags.arithmetic(cpu) & 0xFF) | Flags.RESERVED_1;
        cpu.r[Cpu.RAX] = (cpu.r[Cpu.RAX] & ~0xFF00L) | ah << 8;
    }

    public static void sahf(Cpu cpu, Instruction at) {
        int ah = (int) (cpu.r[Cpu.RAX] >>> 8) & (Flags.SF | Flags.ZF | Flags.AF | Flags.PF | Flags.CF);
        Flags.arithmetic(cpu, ah | (Flags.arithmetic(cpu) & Flags.OF));
    }

    // Control registers

    /** #UD for a register that does not exist, before #GP for want of privilege. */
    private static void requireControl(Cpu cpu, int control, Instruction at) {
        boolean exists = control == 0 || (control >= 2 && control <= 4) || control == 8;
        if (!exists) throw cpu.fault(Vectors.UD, at);
        cpu.requireSupervisor(at);
    }

    public static void readControl(Cpu cpu, int control, int target, Instruction at) {
        requireControl(cpu, control, at);
        long value = switch (control) {
            case 0 -> cpu.cr0;
            case 2 -> cpu.cr2;
            case 3 -> cpu.cr3;
            case 4 -> cpu.cr4;
            case 8 -> cpu.platform().taskPriority();
            default -> throw cpu.fault(Vectors.UD, at);
        };
        cpu.r[target] = asWideAsCode(cpu, value);
    }

    /** What a MOV of a control or debug register moves: 64 bits in 64-bit mode, else 32. */
    private static long asWideAsCode(Cpu cpu, long value) {
        return cpu.mode() == CodeMode.BITS_64 ? value : value & 0xFFFF_FFFFL;
    }

    public static void writeControl(Cpu cpu, int control, int source, Instruction at) {
        requireControl(cpu, control, at);
        long value = asWideAsCode(cpu, cpu.r[source]);
        switch (control) {
            case 0 -> cpu.control.cr0(value, at);
            case 2 -> cpu.cr2 = value;
            case 3 -> cpu.control.cr3(value, at);
            case 4 -> cpu.control.cr4(value, at);
            case 8 -> {
                if (value >>> 4 != 0) throw cpu.fault(Vectors.GP, 0, at);
                cpu.platform().taskPriority((int) value);
                cpu.loop.attend();
            }
            default -> throw cpu.fault(Vectors.UD, at);
        }
    }

    private static int debugRegister(Cpu cpu, int number, Instruction at) {
        boolean alias = number == DR4 || number == DR5;
        if (number > 7) throw cpu.fault(Vectors.UD, at);
        cpu.requireSupervisor(at);
        if (alias && (cpu.cr4 & SpecialRegisters.CR4_DE) != 0) throw cpu.fault(Vectors.UD, at);
        cpu.debug.detectAccess(at);
        return alias ? number + 2 : number;
    }

    public static void readDebug(Cpu cpu, int number, int target, Instruction at) {
        cpu.r[target] = asWideAsCode(cpu, cpu.debug.register(debugRegister(cpu, number, at)));
    }

    public static void writeDebug(Cpu cpu, int number, int source, Instruction at) {
        int register = debugRegister(cpu, number, at);
        long value = asWideAsCode(cpu, cpu.r[source]);
        if (register >= 6 && value >>> 32 != 0) throw cpu.fault(Vectors.GP, 0, at);
        cpu.debug.register(register, value);
    }

    public static void clearTaskSwitched(Cpu cpu, Instruction at) {
        cpu.requireSupervisor(at);
        cpu.cr0 &= ~SpecialRegisters.CR0_TS;
    }

    public static void storeMachineStatus(Cpu cpu, Operand target, Instruction at) {
        requireNoUserPrevention(cpu, at);
        target.write(cpu, cpu.cr0, at);
    }

    public static void loadMachineStatus(Cpu cpu, Operand source, Instruction at) {
        cpu.requireSupervisor(at);
        long loaded =
                SpecialRegisters.CR0_PE | SpecialRegisters.CR0_MP | SpecialRegisters.CR0_EM | SpecialRegisters.CR0_TS;
        long value = source.read(cpu, at) & loaded;
        long keptPe = cpu.cr0 & SpecialRegisters.CR0_PE; // cannot be cleared so
        cpu.control.cr0((cpu.cr0 & ~loaded) | value | keptPe, at);
    }

    // Descriptor tables

    /** What SGDT, SIDT, SLDT, SMSW and STR check: Intel SDM vol. 3A, 2.5, CR4.UMIP. */
    public static void requireNoUserPrevention(Cpu cpu, Instruction at) {
        if ((cpu.cr4 & SpecialRegisters.CR4_UMIP) != 0) cpu.requireSupervisor(at);
    }

    public static void storeTable(Cpu cpu, long base, int limit, Address to, int size, Instruction at) {
        requireNoUserPrevention(cpu, at);
        long linear = to.linear(cpu);
        cpu.mmu.probeWrite(linear, 2 + size, at);
        cpu.mmu.store16(linear, limit, at);
        cpu.mmu.store(linear + 2, base, size, at);
    }

    public static void loadTable(Cpu cpu, boolean interrupts, Address from, int operandSize, Instruction at) {
        cpu.requireSupervisor(at);
        long linear = from.linear(cpu);
        boolean wide = cpu.mode() == CodeMode.BITS_64;
        int limit = cpu.mmu.load16(linear, at);
        long base = cpu.mmu.load(linear + 2, wide ? 8 : 4, at);
        if (wide && !cpu.canonical(base)) throw cpu.fault(Vectors.GP, 0, at);
        if (!wide && operandSize == 2) base &= 0xFF_FFFF;
        if (interrupts) {
            cpu.idtBase = base;
            cpu.idtLimit = limit;
        } else {
            cpu.gdtBase = base;
            cpu.gdtLimit = limit;
        }
    }

    public static void requireProtected(Cpu cpu, Instruction at) {
        if (cpu.realSegments()) throw cpu.fault(Vectors.UD, at);
    }

    public static void verify(Cpu cpu, Operand selector, boolean write, Instruction at) {
        requireProtected(cpu, at);
        long descriptor = cpu.segmentLoader.visibleDescriptor((int) selector.read(cpu, at) & 0xFFFF, at);
        int attributes = (int) (descriptor >>> 32);
        boolean data = (attributes & 1 << 12) != 0;
        boolean code = (attributes & 1 << 11) != 0;
        boolean flag = (attributes & 1 << 9) != 0;
        Flags.zero(cpu, data && (write ? !code && flag : !code || flag));
    }

    public static void accessRights(Cpu cpu, Operand target, Operand selector, Instruction at) {
        requireProtected(cpu, at);
        long descriptor = cpu.segmentLoader.visibleDescriptor((int) selector.read(cpu, at) & 0xFFFF, at);
        int attributes = (int) (descriptor >>> 32);
        boolean known = descriptor != 0 && rightsAreVisible(cpu, attributes, true);
        if (known) target.write(cpu, attributes & 0x00FF_FF00, at);
        Flags.zero(cpu, known);
    }

    public static void segmentLimit(Cpu cpu, Operand target, Operand selector, Instruction at) {
        requireProtected(cpu, at);
        long descriptor = cpu.segmentLoader.visibleDescriptor((int) selector.read(cpu, at) & 0xFFFF, at);
        boolean known = descriptor != 0 && rightsAreVisible(cpu, (int) (descriptor >>> 32), false);
        if (known) target.write(cpu, SegmentLoader.limit(descriptor), at);
        Flags.zero(cpu, known);
    }

    /** Types that LAR and LSL know: Intel SDM vol. 2A, tables 3-53 and 3-60. */
    private static boolean rightsAreVisible(Cpu cpu, int attributes, boolean gates) {
        if ((attributes & 1 << 12) != 0) return true;
        int type = attributes >> 8 & 0xF;
        return switch (type) {
            case 2, 9, 11 -> true;
            case 1, 3 -> !cpu.longMode();
            case 4, 5 -> gates && !cpu.longMode();
            case 12 -> gates;
            default -> false;
        };
    }

    /** ARPL; {@code segment} is that of a target in memory, else {@link Decoded#NONE}. */
    public static void adjustPrivilege(Cpu cpu, Operand target, int segment, Operand source, Instruction at) {
        requireProtected(cpu, at);
        long a = target.read(cpu, at);
        long b = source.read(cpu, at);
        boolean lower = (a & 3) < (b & 3);
        if (lower) {
            boolean writable = segment == Decoded.NONE || cpu.segments[segment].writable();
            if (!writable) throw cpu.fault(Vectors.GP, 0, at);
            target.write(cpu, (a & ~3L) | (b & 3), at);
        }
        Flags.zero(cpu, lower);
    }

    // System calls

    /** SYSCALL: Intel SDM vol. 2B; AMD APM vol. 3 for legacy mode. */
    public static void syscall(Cpu cpu, Instruction at) {
        if ((cpu.efer & SpecialRegisters.EFER_SCE) == 0 || !cpu.protectedMode()) throw cpu.fault(Vectors.UD, at);
        Msrs msrs = cpu.msrs;
        int selector = (int) (msrs.star >>> STAR_SYSCALL_SHIFT);
        cpu.r[Cpu.RCX] = at.nextRip(cpu);
        if (cpu.longMode()) {
            boolean from64 = cpu.mode() == CodeMode.BITS_64;
            cpu.r[Cpu.R11] = Flags.all(cpu) & ~Flags.RF;
            cpu.rip = from64 ? msrs.lstar : msrs.cstar;
            Flags.all(cpu, Flags.all(cpu) & ~(int) msrs.fmask & ~Flags.RF);
        } else {
            cpu.rip = msrs.star & 0xFFFF_FFFFL;
            cpu.flags &= ~(Flags.IF | Flags.VM | Flags.RF);
        }
        cpu.segmentLoader.loadFlat(Decoded.CS, selector & ~3, true, 0, cpu.longMode());
        cpu.segmentLoader.loadFlat(Decoded.SS, selector + 8, false, 0, false);
        cpu.cpl(0);
        cpu.updateMode();
        cpu.loop.trapByNewFlags();
    }

    /** SYSRET. */
    public static void sysret(Cpu cpu, int operandSize, Instruction at) {
        if ((cpu.efer & SpecialRegisters.EFER_SCE) == 0 || !cpu.protectedMode()) throw cpu.fault(Vectors.UD, at);
        cpu.requireSupervisor(at);
        int base = (int) (cpu.msrs.star >>> STAR_SYSRET_SHIFT) & 0xFFFF;
        boolean to64 = operandSize == 8;
        long target = cpu.r[Cpu.RCX];
        if (to64 && !cpu.canonical(target)) throw cpu.fault(Vectors.GP, 0, at);
        if (cpu.longMode()) {
            int kept = Flags.VM | Flags.RF;
            Flags.all(cpu, (int) cpu.r[Cpu.R11] & ~kept);
        } else {
            cpu.flags |= Flags.IF;
        }
        cpu.segmentLoader.loadFlat(Decoded.CS, (to64 ? base + 16 : base) | 3, true, 3, to64);
        cpu.segmentLoader.loadFlat(Decoded.SS, base + 8 | 3, false, 3, false);
        cpu.cpl(3);
        cpu.updateMode();
        cpu.rip = to64 ? target : target & 0xFFFF_FFFFL;
        cpu.flagsChanged();
        cpu.loop.trapByNewFlags();
    }

    public static void sysenter(Cpu cpu, Instruction at) {
        Msrs msrs = cpu.msrs;
        if (!cpu.protectedMode() || (msrs.sysenterCs & 0xFFFC) == 0) throw cpu.fault(Vectors.GP, 0, at);
        int selector = (int) msrs.sysenterCs & 0xFFFC;
        cpu.flags &= ~(Flags.VM | Flags.IF | Flags.RF);
        cpu.segmentLoader.loadFlat(Decoded.CS, selector, true, 0, cpu.longMode());
        cpu.segmentLoader.loadFlat(Decoded.SS, selector + 8, false, 0, false);
        cpu.cpl(0);
        cpu.updateMode();
        long mask = cpu.longMode() ? -1L : 0xFFFF_FFFFL;
        cpu.r[Cpu.RSP] = msrs.sysenterEsp & mask;
        cpu.rip = msrs.sysenterEip & mask;
    }

    public static void sysexit(Cpu cpu, int operandSize, Instruction at) {
        if (!cpu.protectedMode() || (cpu.msrs.sysenterCs & 0xFFFC) == 0) throw cpu.fault(Vectors.GP, 0, at);
        cpu.requireSupervisor(at);
        boolean to64 = operandSize == 8;
        int selector = (int) cpu.msrs.sysenterCs & 0xFFFC;
        long mask = to64 ? -1L : 0xFFFF_FFFFL;
        long target = cpu.r[Cpu.RDX] & mask;
        cpu.r[Cpu.RSP] = cpu.r[Cpu.RCX] & mask;
        cpu.segmentLoader.loadFlat(Decoded.CS, selector + (to64 ? 32 : 16) | 3, true, 3, to64);
        cpu.segmentLoader.loadFlat(Decoded.SS, selector + (to64 ? 40 : 24) | 3, false, 3, false);
        cpu.cpl(3);
        cpu.updateMode();
        cpu.rip = target;
    }

    public static void swapGs(Cpu cpu, Instruction at) {
        cpu.requireSupervisor(at);
        long base = cpu.r[Cpu.SEGMENT_BASE + Decoded.GS];
        cpu.segmentation.base(Decoded.GS, cpu.msrs.kernelGsBase);
        cpu.msrs.kernelGsBase = base;
    }

    // MSRs, time

    public static void readMsr(Cpu cpu, Instruction at) {
        cpu.requireSupervisor(at);
        answer(cpu, cpu.msrs.read((int) cpu.r[Cpu.RCX], at));
    }

    public static void writeMsr(Cpu cpu, Instruction at) {
        cpu.requireSupervisor(at);
        long value = (cpu.r[Cpu.RAX] & 0xFFFF_FFFFL) | cpu.r[Cpu.RDX] << 32;
        cpu.msrs.write((int) cpu.r[Cpu.RCX], value, at);
        cpu.loop.attend();
    }

    public static void readTimeStamp(Cpu cpu, Instruction at) {
        if ((cpu.cr4 & SpecialRegisters.CR4_TSD) != 0 && cpu.cpl != 0 && cpu.protectedMode()) {
            throw cpu.fault(Vectors.GP, 0, at);
        }
        answer(cpu, cpu.platform().timeStamp());
    }

    public static void readTimeStampAndNumber(Cpu cpu, Instruction at) {
        readTimeStamp(cpu, at);
        cpu.r[Cpu.RCX] = cpu.msrs.tscAux;
    }

    private static void answer(Cpu cpu, long value) {
        cpu.r[Cpu.RAX] = value & 0xFFFF_FFFFL;
        cpu.r[Cpu.RDX] = value >>> 32;
    }

    public static void halt(Cpu cpu, Instruction at) {
        cpu.requireSupervisor(at);
        cpu.loop.halted = true;
        cpu.loop.attend();
    }

    /** INVPCID. The TLB holds the current context and what is global, never another. */
    public static void invalidateContext(Cpu cpu, int type, Address descriptor, Instruction at) {
        cpu.requireSupervisor(at);
        long linear = descriptor.linear(cpu);
        long context = cpu.mmu.load64(linear, at);
        long address = cpu.mmu.load64(linear + 8, at);
        long kind = cpu.mode() == CodeMode.BITS_64 ? cpu.r[type] : cpu.r[type] & 0xFFFF_FFFFL;
        boolean identified = (cpu.cr4 & SpecialRegisters.CR4_PCIDE) != 0;
        boolean invalid = kind < 0
                || kind > INVALIDATE_ALL_BUT_GLOBAL
                || context >>> PCID_BITS != 0
                || (kind == INVALIDATE_ADDRESS && !cpu.canonical(address))
                || (kind <= INVALIDATE_CONTEXT && !identified && context != 0);
        if (invalid) throw cpu.fault(Vectors.GP, 0, at);
        boolean current = !identified || context == (cpu.cr3 & ControlRegisters.CR3_PCID);
        if (kind == INVALIDATE_ALL) {
            cpu.mmu.flush();
        } else if (kind == INVALIDATE_ALL_BUT_GLOBAL || (kind == INVALIDATE_CONTEXT && current)) {
            cpu.mmu.flushNonGlobal();
        } else if (current) {
            cpu.mmu.flushPage(address);
        }
    }

    public static void invalidatePage(Cpu cpu, Address page, Instruction at) {
        cpu.requireSupervisor(at);
        cpu.mmu.flushPage(page.linear(cpu));
    }
}
