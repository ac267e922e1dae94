package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Segment;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Ending;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.Stack;
import dev.microvm.engine.exec.ToRip;
import dev.microvm.engine.exec.system.AlignmentFlag;
import dev.microvm.engine.exec.system.Hypercalls;
import dev.microvm.engine.exec.system.PortIo;
import dev.microvm.engine.exec.system.SystemInstructions;
import dev.microvm.engine.exec.x87.FpuAvailability;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** Segments, far transfers, I/O, interrupts, and what only operating systems use. */
final class SystemSelector implements Selector {
    private static final int CR8 = 8;
    private static final int INVPCID = 0x282; // with 66

    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d, block);
            case 1 -> after0f(d, block);
            case 2 -> d.opcode == INVPCID ? invalidateContext(d, block) : null;
            default -> null;
        };
    }

    private @Nullable Instruction oneByte(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        int ioSize = (d.opcode & 1) == 0 ? 1 : Math.min(size, 4);
        return switch (d.opcode) {
            case 0x06, 0x0E, 0x16, 0x1E -> pushSegment(d.opcode >> 3, size); // PUSH
            case 0x07, 0x17, 0x1F -> popSegment(d.opcode >> 3, size, block); // POP
            case 0x8C -> moveFromSegment(d, block); // MOV
            case 0x8E -> moveToSegment(d, block); // MOV
            case 0x9A -> farCall(d.immediate2, d.immediate, size, block); // CALL
            case 0x9B -> new Plain(FpuAvailability::await); // WAIT
            case 0xC4 -> loadPointer(Decoded.ES, d, block); // LES
            case 0xC5 -> loadPointer(Decoded.DS, d, block); // LDS
            case 0xCA -> farReturn(size, (int) d.immediate, block); // RET
            case 0xCB -> farReturn(size, 0, block); // RET
            case 0xCC -> block.ending(new ToRip((cpu, at) -> cpu.interrupts.breakpoint(at))); // INT3
            case 0xCD -> interrupt((int) d.immediate & 0xFF, block); // INT
            case 0xCE -> overflow(block); // INTO
            case 0xCF -> block.ending(new ToRip((cpu, at) -> cpu.farTransfers.iret(size, at))); // IRET
            case 0xE4, 0xE5 -> block.ending(PortIo.immediate(false, (int) d.immediate & 0xFF, ioSize)); // IN
            case 0xE6, 0xE7 -> block.ending(PortIo.immediate(true, (int) d.immediate & 0xFF, ioSize)); // OUT
            case 0xEC, 0xED -> block.ending(PortIo.dx(false, ioSize)); // IN
            case 0xEE, 0xEF -> block.ending(PortIo.dx(true, ioSize)); // OUT
            case 0xEA -> farJump(d.immediate2, d.immediate, block); // JMP
            case 0xF1 -> block.ending(new ToRip((cpu, at) -> cpu.interrupts.debugTrap(at))); // INT1
            case 0xF4 -> block.ending(new Ending(SystemInstructions::halt)); // HLT
            case 0xFA -> new Plain(SystemInstructions::cli); // CLI
            case 0xFB -> enableInterrupts(block); // STI
            case 0xFF -> farGroup(d, block); // CALL, JMP
            default -> null;
        };
    }

    private @Nullable Instruction after0f(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        return switch (d.opcode & 0xFF) {
            case 0x00 -> group6(d, block);
            case 0x01 -> group7(d, block);
            case 0x02, 0x03 -> { // LAR, LSL
                Operand selector = block.source(d, 2);
                Operand target = block.register(d, size);
                yield (d.opcode & 1) == 0
                        ? new Plain((cpu, at) -> SystemInstructions.accessRights(cpu, target, selector, at))
                        : new Plain((cpu, at) -> SystemInstructions.segmentLimit(cpu, target, selector, at));
            }
            case 0x05 -> block.ending(new ToRip(SystemInstructions::syscall)); // SYSCALL
            case 0x07 -> block.ending(new ToRip((cpu, at) -> SystemInstructions.sysret(cpu, size, at))); // SYSRET
            case 0x06 -> block.ending(new Ending(SystemInstructions::clearTaskSwitched)); // CLTS
            case 0x08, 0x09 -> new Plain((cpu, at) -> cpu.requireSupervisor(at)); // INVD, WBINVD: there is no cache
            case 0x20 -> { // MOV from CR
                int control = d.lock ? CR8 : d.reg;
                int target = d.rm;
                yield block.ending(new Ending((cpu, at) -> SystemInstructions.readControl(cpu, control, target, at)));
            }
            case 0x21 -> { // MOV from DR
                int number = d.reg;
                int target = d.rm;
                yield new Plain((cpu, at) -> SystemInstructions.readDebug(cpu, number, target, at));
            }
            case 0x22 -> { // MOV to CR
                int control = d.lock ? CR8 : d.reg;
                int source = d.rm;
                yield block.ending(new Ending((cpu, at) -> SystemInstructions.writeControl(cpu, control, source, at)));
            }
            case 0x23 -> { // MOV to DR
                int number = d.reg;
                int source = d.rm;
                yield block.ending(new Ending((cpu, at) -> SystemInstructions.writeDebug(cpu, number, source, at)));
            }
            case 0x30 -> block.ending(new Ending(SystemInstructions::writeMsr)); // WRMSR
            case 0x31 -> new Plain(SystemInstructions::readTimeStamp); // RDTSC
            case 0x32 -> new Plain(SystemInstructions::readMsr); // RDMSR
            case 0x33 ->
                new Plain((cpu, at) -> {
                    throw cpu.fault(Vectors.GP, 0, at); // RDPMC: there are no counters
                });
            case 0x34 -> block.ending(new ToRip(SystemInstructions::sysenter)); // SYSENTER
            case 0x35 -> block.ending(new ToRip((cpu, at) -> SystemInstructions.sysexit(cpu, size, at))); // SYSEXIT
            case 0xA0 -> pushSegment(Decoded.FS, size); // PUSH FS
            case 0xA1 -> popSegment(Decoded.FS, size, block); // POP FS
            case 0xA8 -> pushSegment(Decoded.GS, size); // PUSH GS
            case 0xA9 -> popSegment(Decoded.GS, size, block); // POP GS
            case 0xA2 -> cpuid(block); // CPUID
            case 0xAE -> fence(d);
            case 0xB2 -> loadPointer(Decoded.SS, d, block); // LSS
            case 0xB4 -> loadPointer(Decoded.FS, d, block); // LFS
            case 0xB5 -> loadPointer(Decoded.GS, d, block); // LGS
            default -> null;
        };
    }

    private static @Nullable Instruction invalidateContext(Decoded d, BlockBuilder block) {
        if (d.isRegister() || d.mandatoryPrefix() != Decoded.PREFIX_66) return null;
        int type = d.reg;
        Address descriptor = block.address(d, 16, false);
        return block.ending(new Ending((cpu, at) -> SystemInstructions.invalidateContext(cpu, type, descriptor, at)));
    }

    private static Instruction cpuid(BlockBuilder block) {
        return block.ending(new Ending((cpu, at) -> {
            cpu.cpuid.answer();
            cpu.serialize();
        }));
    }

    // Segments

    private static Instruction pushSegment(int segment, int size) {
        return new Plain((cpu, at) -> Stack.push(cpu, cpu.segments[segment].selector, size, at));
    }

    private static Instruction popSegment(int segment, int size, BlockBuilder block) {
        Plain.Action action = (cpu, at) -> {
            int selector = (int) Stack.top(cpu, size, at) & 0xFFFF;
            cpu.segmentLoader.load(segment, selector, at);
            Stack.drop(cpu, size);
        };
        return segment == Decoded.SS ? stackLoad(action, block) : new Plain(action);
    }

    private static @Nullable Instruction moveFromSegment(Decoded d, BlockBuilder block) {
        int segment = d.group();
        if (segment > Decoded.GS) return null;
        Operand target = block.target(d, d.isRegister() ? d.operandSize : 2);
        return new Plain((cpu, at) -> target.write(cpu, cpu.segments[segment].selector, at));
    }

    private static @Nullable Instruction moveToSegment(Decoded d, BlockBuilder block) {
        int segment = d.group();
        if (segment > Decoded.GS || segment == Decoded.CS) return null;
        Operand source = block.source(d, 2);
        Plain.Action action = (cpu, at) -> cpu.segmentLoader.load(segment, (int) source.read(cpu, at), at);
        return segment == Decoded.SS ? stackLoad(action, block) : new Plain(action);
    }

    /**
     * After a load of SS, interrupts and debug exceptions wait, so that the stack pointer can
     * follow.
     */
    private static Instruction stackLoad(Plain.Action action, BlockBuilder block) {
        return block.ending(new Ending((cpu, at) -> {
            action.run(cpu, at);
            cpu.loop.stackShadow();
        }));
    }

    private static @Nullable Instruction loadPointer(int segment, Decoded d, BlockBuilder block) {
        if (d.isRegister()) return null;
        int size = d.operandSize;
        Address address = block.address(d, size + 2, false);
        Operand target = block.register(d, size);
        return new Plain((cpu, at) -> {
            long linear = address.linear(cpu);
            long offset = cpu.mmu.load(linear, size, at);
            int selector = cpu.mmu.load16(linear + size, at);
            cpu.segmentLoader.load(segment, selector, at);
            target.write(cpu, offset, at);
        });
    }

    // Far transfers

    private static Instruction farJump(int selector, long offset, BlockBuilder block) {
        return block.ending(new ToRip((cpu, at) -> cpu.farTransfers.jump(selector, offset, at)));
    }

    private static Instruction farCall(int selector, long offset, int size, BlockBuilder block) {
        return block.ending(new ToRip((cpu, at) -> cpu.farTransfers.call(selector, offset, size, at)));
    }

    private static Instruction farReturn(int size, int extra, BlockBuilder block) {
        return block.ending(new ToRip((cpu, at) -> cpu.farTransfers.ret(size, extra, at)));
    }

    private static @Nullable Instruction farGroup(Decoded d, BlockBuilder block) {
        boolean call = d.group() == 3;
        if ((!call && d.group() != 5) || d.isRegister()) return null;
        int size = d.operandSize;
        Address address = block.address(d, size + 2, false);
        return block.ending(new ToRip((cpu, at) -> {
            long linear = address.linear(cpu);
            long offset = cpu.mmu.load(linear, size, at);
            int selector = cpu.mmu.load16(linear + size, at);
            if (call) {
                cpu.farTransfers.call(selector, offset, size, at);
            } else {
                cpu.farTransfers.jump(selector, offset, at);
            }
        }));
    }

    // Interrupts

    private static Instruction interrupt(int vector, BlockBuilder block) {
        return block.ending(new ToRip((cpu, at) -> {
            if (cpu.virtual8086() && cpu.iopl() < 3) throw cpu.fault(Vectors.GP, 0, at);
            cpu.interrupts.software(vector, at);
        }));
    }

    private static Instruction overflow(BlockBuilder block) {
        return block.ending(new ToRip((cpu, at) -> {
            if (Flags.overflow(cpu)) {
                cpu.interrupts.software(Vectors.OF, at);
            } else {
                cpu.rip = at.nextRip(cpu);
            }
        }));
    }

    /** STI lets interrupts wait for the next instruction. */
    private static Instruction enableInterrupts(BlockBuilder block) {
        block.shadow();
        return new Plain(SystemInstructions::sti);
    }

    // Groups

    private static @Nullable Instruction group6(Decoded d, BlockBuilder block) {
        return switch (d.group()) {
            case 0, 1 -> { // SLDT, STR
                boolean local = d.group() == 0;
                Operand target = block.target(d, d.isRegister() ? d.operandSize : 2);
                yield new Plain((cpu, at) -> {
                    SystemInstructions.requireProtected(cpu, at);
                    SystemInstructions.requireNoUserPrevention(cpu, at);
                    Segment from = local ? cpu.ldtr : cpu.tr;
                    target.write(cpu, from.selector, at);
                });
            }
            case 2, 3 -> { // LLDT, LTR
                boolean local = d.group() == 2;
                Operand source = block.source(d, 2);
                yield new Plain((cpu, at) -> {
                    SystemInstructions.requireProtected(cpu, at);
                    cpu.requireSupervisor(at);
                    int selector = (int) source.read(cpu, at);
                    if (local) {
                        cpu.segmentLoader.loadLdt(selector, at);
                    } else {
                        cpu.segmentLoader.loadTask(selector, at);
                    }
                });
            }
            case 4, 5 -> { // VERR, VERW
                boolean write = d.group() == 5;
                Operand source = block.source(d, 2);
                yield new Plain((cpu, at) -> SystemInstructions.verify(cpu, source, write, at));
            }
            default -> null;
        };
    }

    private static @Nullable Instruction group7(Decoded d, BlockBuilder block) {
        if (d.isRegister()) return group7Register(d, block);
        int size = d.mode == CodeMode.BITS_64 ? 8 : 4;
        int operandSize = d.operandSize;
        return switch (d.group()) {
            case 0, 1 -> { // SGDT, SIDT
                boolean global = d.group() == 0;
                Address to = block.address(d, 2 + size, true);
                yield new Plain((cpu, at) -> {
                    long base = global ? cpu.gdtBase : cpu.idtBase;
                    int limit = global ? cpu.gdtLimit : cpu.idtLimit;
                    SystemInstructions.storeTable(cpu, base, limit, to, size, at);
                });
            }
            case 2, 3 -> { // LGDT, LIDT
                boolean interrupts = d.group() == 3;
                Address from = block.address(d, 2 + size, false);
                yield new Plain((cpu, at) -> SystemInstructions.loadTable(cpu, interrupts, from, operandSize, at));
            }
            case 4 -> { // SMSW
                Operand target = block.target(d, 2);
                yield new Plain((cpu, at) -> SystemInstructions.storeMachineStatus(cpu, target, at));
            }
            case 6 -> { // LMSW
                Operand source = block.source(d, 2);
                yield block.ending(new Ending((cpu, at) -> SystemInstructions.loadMachineStatus(cpu, source, at)));
            }
            case 7 -> { // INVLPG
                Address page = block.address(d, 1, false);
                yield block.ending(new Ending((cpu, at) -> SystemInstructions.invalidatePage(cpu, page, at)));
            }
            default -> null;
        };
    }

    /** CLAC and STAC. */
    private static @Nullable Instruction alignmentFlag(Decoded d) {
        int number = d.rm & 7;
        boolean known = (number == 2 || number == 3) && d.mandatoryPrefix() == Decoded.NO_PREFIX && !d.lock;
        return known ? new AlignmentFlag(number == 3) : null;
    }

    private static @Nullable Instruction group7Register(Decoded d, BlockBuilder block) {
        return switch (d.group()) {
            case 0, 3 -> hypercall(d, block); // VMCALL, VMMCALL
            case 1 -> alignmentFlag(d); // CLAC, STAC
            case 4 -> { // SMSW
                Operand target = block.target(d, d.operandSize);
                yield new Plain((cpu, at) -> SystemInstructions.storeMachineStatus(cpu, target, at));
            }
            case 6 -> { // LMSW
                Operand source = block.source(d, 2);
                yield block.ending(new Ending((cpu, at) -> SystemInstructions.loadMachineStatus(cpu, source, at)));
            }
            case 7 ->
                switch (d.rm & 7) {
                    case 0 -> d.mode == CodeMode.BITS_64 ? new Plain(SystemInstructions::swapGs) : null; // SWAPGS
                    case 1 -> new Plain(SystemInstructions::readTimeStampAndNumber); // RDTSCP
                    default -> null;
                };
            default -> null;
        };
    }

    private static @Nullable Instruction hypercall(Decoded d, BlockBuilder block) {
        boolean exists = (d.rm & 7) == 1 && d.mandatoryPrefix() == Decoded.NO_PREFIX;
        return exists ? block.ending(new Ending(Hypercalls::call)) : null;
    }

    /** LFENCE, MFENCE, SFENCE; the rest of group 15 is {@link ExtendedStateSelector}'s. */
    private static @Nullable Instruction fence(Decoded d) {
        if (d.mandatoryPrefix() != Decoded.NO_PREFIX || !d.isRegister()) return null;
        return switch (d.group()) {
            case 5, 7 -> BlockBuilder.NOTHING; // LFENCE, SFENCE
            case 6 -> new Plain((cpu, at) -> VarHandle.fullFence()); // MFENCE
            default -> null;
        };
    }
}
