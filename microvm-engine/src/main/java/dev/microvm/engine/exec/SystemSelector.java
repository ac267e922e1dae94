package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Segment;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.BlockTranslator.Emission;
import dev.microvm.hypervisor.SpecialRegisters;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** Segments, far transfers, I/O, interrupts, and what only operating systems use. */
final class SystemSelector implements BlockTranslator.Selector {
    private static final int SYSRET = 0x107;
    private static final int CR8 = 8;
    private static final int INVPCID = 0x282; // with 66

    @Override
    public @Nullable Instruction select(Decoded d, Emission e) {
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d, e);
            case 1 -> after0f(d, e);
            case 2 -> d.opcode == INVPCID ? invalidateContext(d, e) : null;
            default -> null;
        };
    }

    private @Nullable Instruction oneByte(Decoded d, Emission e) {
        int size = d.operandSize;
        int ioSize = (d.opcode & 1) == 0 ? 1 : Math.min(size, 4);
        return switch (d.opcode) {
            case 0x06, 0x0E, 0x16, 0x1E -> pushSegment(d.opcode >> 3, size);
            case 0x07, 0x17, 0x1F -> popSegment(d.opcode >> 3, size, e);
            case 0x8C -> moveFromSegment(d, e);
            case 0x8E -> moveToSegment(d, e);
            case 0x9A -> farCall(d.immediate2, d.immediate, size, e);
            case 0x9B ->
                new Plain((cpu, at) -> {
                    long both = SpecialRegisters.CR0_MP | SpecialRegisters.CR0_TS;
                    if ((cpu.cr0 & both) == both) throw cpu.fault(Vectors.NM, at);
                    FpuSelector.requireNoError(cpu, at);
                });
            case 0xC4 -> loadPointer(Decoded.ES, d, e);
            case 0xC5 -> loadPointer(Decoded.DS, d, e);
            case 0xCA -> farReturn(size, (int) d.immediate, e);
            case 0xCB -> farReturn(size, 0, e);
            case 0xCC -> e.ending(new Transfer(Cpu::breakpoint));
            case 0xCD -> interrupt((int) d.immediate & 0xFF, e);
            case 0xCE -> overflow(e);
            case 0xCF -> e.ending(new Transfer((cpu, at) -> cpu.farTransfers.iret(size, at)));
            case 0xE4, 0xE5 -> e.ending(PortIo.Transfer.immediate(false, (int) d.immediate & 0xFF, ioSize));
            case 0xE6, 0xE7 -> e.ending(PortIo.Transfer.immediate(true, (int) d.immediate & 0xFF, ioSize));
            case 0xEC, 0xED -> e.ending(PortIo.Transfer.dx(false, ioSize));
            case 0xEE, 0xEF -> e.ending(PortIo.Transfer.dx(true, ioSize));
            case 0xEA -> farJump(d.immediate2, d.immediate, e);
            case 0xF1 -> e.ending(new Transfer(Cpu::debugTrap));
            case 0xF4 -> e.ending(new Ending(SystemInstructions::halt));
            case 0xFA -> new Plain(SystemInstructions::cli);
            case 0xFB -> enableInterrupts(e);
            case 0xFF -> farGroup(d, e);
            default -> null;
        };
    }

    private @Nullable Instruction after0f(Decoded d, Emission e) {
        int size = d.operandSize;
        return switch (d.opcode & 0xFF) {
            case 0x00 -> group6(d, e);
            case 0x01 -> group7(d, e);
            case 0x02, 0x03 -> {
                Operand selector = e.source(d, 2);
                Operand target = e.register(d, size);
                yield (d.opcode & 1) == 0
                        ? new Plain((cpu, at) -> SystemInstructions.accessRights(cpu, target, selector, at))
                        : new Plain((cpu, at) -> SystemInstructions.segmentLimit(cpu, target, selector, at));
            }
            case 0x05 -> e.ending(new Transfer(SystemInstructions::syscall));
            case SYSRET & 0xFF -> e.ending(new Transfer((cpu, at) -> SystemInstructions.sysret(cpu, size, at)));
            case 0x06 -> e.ending(new Ending(SystemInstructions::clearTaskSwitched));
            case 0x08, 0x09 -> new Plain((cpu, at) -> cpu.requireSupervisor(at)); // INVD, WBINVD: there is no cache
            case 0x20 -> {
                int control = d.lock ? CR8 : d.reg;
                int target = d.rm;
                yield e.ending(new Ending((cpu, at) -> SystemInstructions.readControl(cpu, control, target, at)));
            }
            case 0x21 -> {
                int number = d.reg;
                int target = d.rm;
                yield new Plain((cpu, at) -> SystemInstructions.readDebug(cpu, number, target, at));
            }
            case 0x22 -> {
                int control = d.lock ? CR8 : d.reg;
                int source = d.rm;
                yield e.ending(new Ending((cpu, at) -> SystemInstructions.writeControl(cpu, control, source, at)));
            }
            case 0x23 -> {
                int number = d.reg;
                int source = d.rm;
                yield e.ending(new Ending((cpu, at) -> SystemInstructions.writeDebug(cpu, number, source, at)));
            }
            case 0x30 -> e.ending(new Ending(SystemInstructions::writeMsr));
            case 0x31 -> new Plain(SystemInstructions::readTimeStamp);
            case 0x32 -> new Plain(SystemInstructions::readMsr);
            case 0x33 ->
                new Plain((cpu, at) -> {
                    throw cpu.fault(Vectors.GP, 0, at); // RDPMC: there are no counters
                });
            case 0x34 -> e.ending(new Transfer(SystemInstructions::sysenter));
            case 0x35 -> e.ending(new Transfer((cpu, at) -> SystemInstructions.sysexit(cpu, size, at)));
            case 0xA0 -> pushSegment(Decoded.FS, size);
            case 0xA1 -> popSegment(Decoded.FS, size, e);
            case 0xA8 -> pushSegment(Decoded.GS, size);
            case 0xA9 -> popSegment(Decoded.GS, size, e);
            case 0xA2 -> cpuid(e);
            case 0xAE -> fence(d);
            case 0xB2 -> loadPointer(Decoded.SS, d, e);
            case 0xB4 -> loadPointer(Decoded.FS, d, e);
            case 0xB5 -> loadPointer(Decoded.GS, d, e);
            default -> null;
        };
    }

    private static @Nullable Instruction invalidateContext(Decoded d, Emission e) {
        if (d.isRegister() || d.mandatoryPrefix() != 1) return null;
        int type = d.reg;
        Address descriptor = e.address(d, 16, false);
        return e.ending(new Ending((cpu, at) -> SystemInstructions.invalidateContext(cpu, type, descriptor, at)));
    }

    private static Instruction cpuid(Emission e) {
        return e.ending(new Ending((cpu, at) -> {
            cpu.cpuid.answer(cpu);
            cpu.serialize();
        }));
    }

    // Segments

    private static Instruction pushSegment(int segment, int size) {
        return new Plain((cpu, at) -> Stack.push(cpu, cpu.segments[segment].selector, size, at));
    }

    private static Instruction popSegment(int segment, int size, Emission e) {
        Plain.Action action = (cpu, at) -> {
            int selector = (int) Stack.top(cpu, size, at) & 0xFFFF;
            cpu.segmentLoader.load(segment, selector, at);
            Stack.drop(cpu, size);
        };
        return segment == Decoded.SS ? stackLoad(action, e) : new Plain(action);
    }

    private static @Nullable Instruction moveFromSegment(Decoded d, Emission e) {
        int segment = d.group();
        if (segment > Decoded.GS) return null;
        Operand target = e.target(d, d.isRegister() ? d.operandSize : 2);
        return new Plain((cpu, at) -> target.write(cpu, cpu.segments[segment].selector, at));
    }

    private static @Nullable Instruction moveToSegment(Decoded d, Emission e) {
        int segment = d.group();
        if (segment > Decoded.GS || segment == Decoded.CS) return null;
        Operand source = e.source(d, 2);
        Plain.Action action = (cpu, at) -> cpu.segmentLoader.load(segment, (int) source.read(cpu, at), at);
        return segment == Decoded.SS ? stackLoad(action, e) : new Plain(action);
    }

    /** After a load of SS, interrupts and debug exceptions wait, so that the stack pointer can follow. */
    private static Instruction stackLoad(Plain.Action action, Emission e) {
        return e.ending(new Ending((cpu, at) -> {
            action.run(cpu, at);
            cpu.stackShadow();
        }));
    }

    private static @Nullable Instruction loadPointer(int segment, Decoded d, Emission e) {
        if (d.isRegister()) return null;
        int size = d.operandSize;
        Address address = e.address(d, size + 2, false);
        Operand target = e.register(d, size);
        return new Plain((cpu, at) -> {
            long linear = address.linear(cpu);
            long offset = cpu.mmu.load(linear, size, at);
            int selector = cpu.mmu.load16(linear + size, at);
            cpu.segmentLoader.load(segment, selector, at);
            target.write(cpu, offset, at);
        });
    }

    // Far transfers

    private static Instruction farJump(int selector, long offset, Emission e) {
        return e.ending(new Transfer((cpu, at) -> cpu.farTransfers.jump(selector, offset, at)));
    }

    private static Instruction farCall(int selector, long offset, int size, Emission e) {
        return e.ending(new Transfer((cpu, at) -> cpu.farTransfers.call(selector, offset, size, at)));
    }

    private static Instruction farReturn(int size, int extra, Emission e) {
        return e.ending(new Transfer((cpu, at) -> cpu.farTransfers.ret(size, extra, at)));
    }

    private static @Nullable Instruction farGroup(Decoded d, Emission e) {
        boolean call = d.group() == 3;
        if ((!call && d.group() != 5) || d.isRegister()) return null;
        int size = d.operandSize;
        Address address = e.address(d, size + 2, false);
        return e.ending(new Transfer((cpu, at) -> {
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

    private static Instruction interrupt(int vector, Emission e) {
        return e.ending(new Transfer((cpu, at) -> {
            if (cpu.virtual8086() && cpu.iopl() < 3) throw cpu.fault(Vectors.GP, 0, at);
            cpu.softwareInterrupt(vector, at);
        }));
    }

    private static Instruction overflow(Emission e) {
        return e.ending(new Transfer((cpu, at) -> {
            if (Flags.overflow(cpu)) {
                cpu.softwareInterrupt(Vectors.OF, at);
            } else {
                cpu.rip = at.nextRip(cpu);
            }
        }));
    }

    /** STI lets interrupts wait for the next instruction. */
    private static Instruction enableInterrupts(Emission e) {
        e.shadow();
        return new Plain(SystemInstructions::sti);
    }

    // Groups

    private static @Nullable Instruction group6(Decoded d, Emission e) {
        return switch (d.group()) {
            case 0, 1 -> {
                boolean local = d.group() == 0;
                Operand target = e.target(d, d.isRegister() ? d.operandSize : 2);
                yield new Plain((cpu, at) -> {
                    SystemInstructions.requireProtected(cpu, at);
                    SystemInstructions.requireNoUserPrevention(cpu, at);
                    Segment from = local ? cpu.ldtr : cpu.tr;
                    target.write(cpu, from.selector, at);
                });
            }
            case 2, 3 -> {
                boolean local = d.group() == 2;
                Operand source = e.source(d, 2);
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
            case 4, 5 -> {
                boolean write = d.group() == 5;
                Operand source = e.source(d, 2);
                yield new Plain((cpu, at) -> SystemInstructions.verify(cpu, source, write, at));
            }
            default -> null;
        };
    }

    private static @Nullable Instruction group7(Decoded d, Emission e) {
        if (d.isRegister()) return group7Register(d, e);
        int size = d.mode == CodeMode.BITS_64 ? 8 : 4;
        int operandSize = d.operandSize;
        return switch (d.group()) {
            case 0, 1 -> {
                boolean global = d.group() == 0;
                Address to = e.address(d, 2 + size, true);
                yield new Plain((cpu, at) -> {
                    long base = global ? cpu.gdtBase : cpu.idtBase;
                    int limit = global ? cpu.gdtLimit : cpu.idtLimit;
                    SystemInstructions.storeTable(cpu, base, limit, to, size, at);
                });
            }
            case 2, 3 -> {
                boolean interrupts = d.group() == 3;
                Address from = e.address(d, 2 + size, false);
                yield new Plain((cpu, at) -> SystemInstructions.loadTable(cpu, interrupts, from, operandSize, at));
            }
            case 4 -> {
                Operand target = e.target(d, 2);
                yield new Plain((cpu, at) -> SystemInstructions.storeMachineStatus(cpu, target, at));
            }
            case 6 -> {
                Operand source = e.source(d, 2);
                yield e.ending(new Ending((cpu, at) -> SystemInstructions.loadMachineStatus(cpu, source, at)));
            }
            case 7 -> {
                Address page = e.address(d, 1, false);
                yield e.ending(new Ending((cpu, at) -> SystemInstructions.invalidatePage(cpu, page, at)));
            }
            default -> null;
        };
    }

    private static @Nullable Instruction group7Register(Decoded d, Emission e) {
        return switch (d.group()) {
            case 4 -> {
                Operand target = e.target(d, d.operandSize);
                yield new Plain((cpu, at) -> SystemInstructions.storeMachineStatus(cpu, target, at));
            }
            case 6 -> {
                Operand source = e.source(d, 2);
                yield e.ending(new Ending((cpu, at) -> SystemInstructions.loadMachineStatus(cpu, source, at)));
            }
            case 7 ->
                switch (d.rm & 7) {
                    case 0 -> d.mode == CodeMode.BITS_64 ? new Plain(SystemInstructions::swapGs) : null;
                    case 1 -> new Plain(SystemInstructions::readTimeStampAndNumber);
                    default -> null;
                };
            default -> null;
        };
    }

    /** LFENCE, MFENCE, SFENCE; the rest of group 15 is {@link StateSelector}'s. */
    private static @Nullable Instruction fence(Decoded d) {
        if (d.mandatoryPrefix() != 0 || !d.isRegister()) return null;
        return switch (d.group()) {
            case 5, 7 -> Emission.NOTHING;
            case 6 -> new Plain((cpu, at) -> VarHandle.fullFence());
            default -> null;
        };
    }
}
