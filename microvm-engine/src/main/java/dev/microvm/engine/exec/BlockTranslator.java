package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Translator;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;
import dev.microvm.engine.memory.PhysicalMemory;
import org.jspecify.annotations.Nullable;

/**
 * Makes blocks: decodes one instruction after the other and asks each {@link Selector} for the object that does it.
 *
 * <p>A block ends at a branch, at what changes how code is read, at the end of a page, and after a number of
 * instructions. An instruction that crosses into the next page is a block of its own, which checks first what that page
 * is. Belongs to one CPU.
 */
public final class BlockTranslator implements Translator {
    private static final int STACK_FRAME = 64; // bytes: more than any instruction pushes or pops

    private final Decoder decoder = new Decoder();
    private final Selector[] selectors = {
        new VexSelector(),
        new IntegerSelector(),
        new SystemSelector(),
        new FpuSelector(),
        new StateSelector(),
        new SimdSelector(),
        new Sse4Selector()
    };
    private int instructions; // of the last translation
    private final byte[] window = new byte[2 * Decoder.MAX_LENGTH];

    /** Makes a translator. */
    public BlockTranslator() {}

    @Override
    public Instruction translate(Cpu cpu, CodePage page, int offset, int limit) {
        Emission emission = new Emission(page, !cpu.debug.watchesData());
        int at = offset;
        int count = 0;
        for (; !emission.ended(); count++) {
            boolean full = count >= limit || at >= PhysicalMemory.PAGE_SIZE;
            if (full) {
                emission.fallThrough(at);
                break;
            }
            Decoder.Result result = decoder.decode(page.bytes(), at, PhysicalMemory.PAGE_SIZE, page.mode());
            if (result == Decoder.Result.TRUNCATED) {
                if (count == 0) {
                    crossing(cpu, emission, at);
                    count = 1;
                } else {
                    emission.fallThrough(at);
                }
                break;
            }
            select(cpu, emission, result);
            at = decoder.decoded().end;
            if (emission.endsSoon()) limit = Math.min(limit, count + 2);
        }
        instructions = count;
        return Improvements.of(emission.first());
    }

    @Override
    public boolean addressesStack(Cpu cpu, CodePage page, Instruction at, long distance) {
        Decoder.Result result = decoder.decode(page.bytes(), at.start(), PhysicalMemory.PAGE_SIZE, page.mode());
        if (result == Decoder.Result.TRUNCATED) decodeCrossing(page, at.start(), cpu.followingPage(at));
        Decoded d = decoder.decoded();
        boolean operand = d.hasModRm && !d.isRegister() && d.segment == Decoded.SS;
        return operand || isFrame(d) || (usesStack(d) && Math.abs(distance) <= STACK_FRAME);
    }

    /** ENTER and LEAVE, whose accesses are the stack's all, by RBP also. */
    private static boolean isFrame(Decoded d) {
        return d.opcode == 0xC8 || d.opcode == 0xC9;
    }

    /** Whether it pushes, pops, calls or returns. */
    private static boolean usesStack(Decoded d) {
        int opcode = d.opcode;
        return switch (opcode) {
            case 0x68, 0x6A, 0x8F, 0x9C, 0x9D, 0xC2, 0xC3, 0xCA, 0xCB, 0xCF, 0xE8 -> true;
            case 0x1A0, 0x1A1, 0x1A8, 0x1A9 -> true;
            case 0xFF -> d.group() == 2 || d.group() == 3 || d.group() == 6;
            default -> opcode >= 0x50 && opcode <= 0x5F;
        };
    }

    @Override
    public int instructions() {
        return instructions;
    }

    private void select(Cpu cpu, Emission emission, Decoder.Result result) {
        Decoded d = decoder.decoded();
        emission.begin(d);
        if (cpu.debug.breaksAt(d.start)) {
            emission.addPart(new Plain((at, instruction) -> at.checkBreakpoint(instruction)));
            emission.begin(d); // the check stays, whatever becomes of the instruction
        }
        if (result == Decoder.Result.COMPLETE) {
            for (Selector selector : selectors) {
                Instruction instruction = selector.select(d, emission);
                if (instruction != null) {
                    if (!instruction.equals(Emission.NOTHING)) emission.add(instruction);
                    return;
                }
            }
        }
        emission.undo();
        emission.end(result == Decoder.Result.TOO_LONG ? Faulting.protection() : Faulting.undefined());
    }

    /** An instruction of which a part is in the next page. */
    private void crossing(Cpu cpu, Emission emission, int at) {
        CodePage page = emission.page();
        SecondPage check = new SecondPage();
        check.place(at, at);
        CodePage second = cpu.followingPage(check);
        Decoder.Result result = decodeCrossing(page, at, second);
        Decoded d = decoder.decoded();
        d.start += at;
        d.end += at;
        check.expect(page.entry(at), second);
        emission.add(check);
        select(cpu, emission, result);
        if (!emission.ended()) emission.fallThrough(d.end);
    }

    private Decoder.Result decodeCrossing(CodePage page, int at, CodePage second) {
        int here = PhysicalMemory.PAGE_SIZE - at;
        System.arraycopy(page.bytes(), at, window, 0, here);
        System.arraycopy(second.bytes(), 0, window, here, Decoder.MAX_LENGTH);
        return decoder.decode(window, 0, here + Decoder.MAX_LENGTH, page.mode());
    }

    /** Turns decoded instructions of some families into objects. */
    interface Selector {
        /**
         * The object, or null if it is none of its family's. What ends a block is told to {@code emission}.
         */
        @Nullable
        Instruction select(Decoded d, Emission emission);
    }

    /** Checks that the page after this one is still the one that an instruction reaches into. */
    private static final class SecondPage extends Instruction {
        private @Nullable Block block;
        private @Nullable CodePage expected;

        void expect(Block own, CodePage second) {
            block = own;
            expected = second;
            second.reachedBy(own);
        }

        @Override
        public Block execute(Cpu cpu) {
            if (cpu.followingPage(this) == expected || block == null) return next.execute(cpu);
            return cpu.again(block);
        }
    }

    /** #UD and #GP. */
    static final class Faulting extends Instruction {
        private final int vector;
        private final boolean hasCode;

        private Faulting(int vector, boolean hasCode) {
            this.vector = vector;
            this.hasCode = hasCode;
        }

        static Instruction undefined() {
            return new Faulting(Vectors.UD, false);
        }

        static Instruction protection() {
            return new Faulting(Vectors.GP, true);
        }

        @Override
        public Block execute(Cpu cpu) {
            throw hasCode ? cpu.fault(vector, 0, this) : cpu.fault(vector, this);
        }
    }

    /** A block in the making. */
    static final class Emission {
        /** What a {@link Selector} answers for an instruction that does nothing. */
        static final Instruction NOTHING = new Plain((cpu, at) -> {});

        private final CodePage page;
        private final boolean joins; // a comparison and a branch become one
        private @Nullable Instruction first;
        private @Nullable Instruction last;
        private @Nullable Instruction beforeLast;
        private boolean ended;
        private boolean endsSoon;
        private boolean owesShadow; // the last instruction was STI
        private int start;
        private int end;
        private @Nullable Instruction firstBefore;
        private @Nullable Instruction lastBefore;
        private boolean added; // since begin()

        Emission(CodePage page, boolean joins) {
            this.page = page;
            this.joins = joins;
        }

        CodePage page() {
            return page;
        }

        boolean ended() {
            return ended;
        }

        boolean endsSoon() {
            return endsSoon;
        }

        Instruction first() {
            if (first == null) throw new IllegalStateException("an empty block");
            return first;
        }

        void begin(Decoded d) {
            start = d.start;
            end = d.end;
            firstBefore = first;
            lastBefore = last;
            added = false;
            owesShadow = false;
        }

        /** Forgets what was added since {@link #begin}: addresses of what turned out not to exist. */
        void undo() {
            first = firstBefore;
            last = lastBefore;
        }

        /** Adds a check before all that was added since {@link #begin}. */
        void precede(Instruction check) {
            check.place(start, start);
            Instruction after = lastBefore == null ? first : lastBefore.next;
            if (!added || after == null) {
                addAt(check);
                return;
            }
            check.next = after;
            if (lastBefore == null) {
                first = check;
            } else {
                lastBefore.next = check;
            }
        }

        /** Adds an instruction at the place of the one decoded. */
        void add(Instruction instruction) {
            if (instruction.end() == 0) instruction.place(start, end);
            addAt(instruction);
        }

        /** Adds an instruction that works for the one decoded, before it: it has its address, and is not its end. */
        void addPart(Instruction instruction) {
            instruction.place(start, start);
            addAt(instruction);
        }

        /** A comparison just before the instruction decoded, or null. */
        @Nullable
        Comparison comparison() {
            return joins && last instanceof Comparison comparison && comparison.end() == start ? comparison : null;
        }

        /** Takes the last instruction away again: the one decoded does its work, too. */
        void absorbLast() {
            if (last == null) throw new IllegalStateException("an empty block");
            start = last.start();
            last = beforeLast;
            if (last == null) first = null;
        }

        /** Adds the last instruction. */
        void end(Instruction instruction) {
            add(instruction);
            ended = true;
        }

        /** Says that the instruction to be added is the last. */
        Instruction ending(Instruction instruction) {
            ended = true;
            return instruction;
        }

        /** Says that the block must end with the instruction after this: interrupts wait for it. */
        void shadow() {
            endsSoon = true;
            owesShadow = true;
        }

        /** Ends the block with a way to the instruction at an offset. */
        void fallThrough(int offset) {
            if (owesShadow) addAt(new Plain((cpu, at) -> cpu.shadow()));
            start = offset;
            end = offset;
            Branches.FallThrough through =
                    new Branches.FallThrough(page, offset, page.mode().addressSize());
            through.place(offset, offset);
            end(through);
        }

        // Operands

        /** A general register of the {@code reg} field. */
        Operand register(Decoded d, int size) {
            return byNumber(d, d.reg, size);
        }

        /** A general register; a byte of number 4 to 7 is a high one without REX. */
        Operand byNumber(Decoded d, int number, int size) {
            if (size == 1 && !d.rex && number >= 4 && number < 8) return Operand.highByte(number);
            return Operand.register(number, size);
        }

        /** The ModR/M operand, to be read. */
        Operand source(Decoded d, int size) {
            return operand(d, size, false);
        }

        /** The ModR/M operand, to be written. */
        Operand target(Decoded d, int size) {
            return operand(d, size, true);
        }

        private Operand operand(Decoded d, int size, boolean write) {
            if (d.isRegister()) return byNumber(d, d.rm, size);
            return new Operand.Memory(address(d, size, write), size);
        }

        /** The address of a memory operand; an instruction that works it out is added if it takes one. */
        Address address(Decoded d, int size, boolean write) {
            Address offset = offset(d);
            if (d.mode == CodeMode.BITS_64 && d.addressSize == 8) {
                if (d.segment < Decoded.FS) return offset;
                int segment = Cpu.SEGMENT_BASE + d.segment;
                if (offset.base() == Cpu.ZERO)
                    return new Address(segment, offset.index(), offset.scale(), offset.displacement());
                if (offset.index() == Cpu.ZERO) return new Address(offset.base(), segment, 0, offset.displacement());
            }
            AddressInstruction made;
            if (d.mode == CodeMode.BITS_64) {
                int segment = d.segment < Decoded.FS ? -1 : d.segment;
                made = new AddressInstruction(
                        offset, segment < 0 ? Cpu.ZERO - Cpu.SEGMENT_BASE : segment, mask(d), 0, write);
            } else {
                made = new AddressInstruction(offset, d.segment, mask(d), size, write);
            }
            addPart(made);
            return Address.COMPUTED;
        }

        private void addAt(Instruction instruction) {
            added = true;
            if (last == null) {
                first = instruction;
            } else {
                last.next = instruction;
            }
            beforeLast = last;
            last = instruction;
        }

        static long mask(Decoded d) {
            return d.addressSize == 8 ? -1L : (1L << (d.addressSize * Byte.SIZE)) - 1;
        }

        /** The offset in its segment of a memory operand. */
        Address offset(Decoded d) {
            int base = d.base;
            long displacement = d.displacement;
            if (base == Decoded.RIP) {
                base = Cpu.CODE;
                displacement += d.end;
            }
            return new Address(
                    base == Decoded.NONE ? Cpu.ZERO : base,
                    d.index == Decoded.NONE ? Cpu.ZERO : d.index,
                    d.scale,
                    displacement);
        }
    }
}
