package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Translation;
import dev.microvm.engine.cpu.Translator;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.decode.Decoder;
import dev.microvm.engine.exec.Faulting;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.memory.PhysicalMemory;

/**
 * Makes blocks: decodes one instruction after the other and asks each {@link Selector} for the
 * object that does it.
 *
 * <p>A block ends at a branch, at what changes how code is read, at the end of a page, and after a
 * number of instructions. An instruction that crosses into the next page is a block of its own,
 * which checks first what that page is. Belongs to one CPU.
 */
public final class BlockTranslator implements Translator {
    private static final int STACK_FRAME = 64; // bytes: more than any instruction pushes or pops

    private final Decoder decoder = new Decoder();
    private final Selector[] selectors = {
        new VexSelector(),
        new LockSelector(),
        new MoveSelector(),
        new ArithmeticSelector(),
        new BranchSelector(),
        new BitSelector(),
        new SystemSelector(),
        new FpuSelector(),
        new ExtendedStateSelector(),
        new SimdSelector(),
        new Sse4Selector()
    };
    private final byte[] window = new byte[2 * Decoder.MAX_LENGTH];

    /** Makes a translator. */
    public BlockTranslator() {}

    @Override
    public Translation translate(Cpu cpu, CodePage page, int offset, int limit) {
        BlockBuilder block = new BlockBuilder(page, !cpu.debug.watchesData());
        int at = offset;
        int count = 0;
        for (; !block.ended(); count++) {
            boolean full = count >= limit || at >= PhysicalMemory.PAGE_SIZE;
            if (full) {
                block.fallThrough(at);
                break;
            }
            Decoder.Result result = decoder.decode(page.bytes(), at, PhysicalMemory.PAGE_SIZE, page.mode());
            if (result == Decoder.Result.TRUNCATED) {
                if (count == 0) {
                    crossing(cpu, block, at);
                    count = 1;
                } else {
                    block.fallThrough(at);
                }
                break;
            }
            select(cpu, block, result);
            at = decoder.decoded().end;
            if (block.endsSoon()) limit = Math.min(limit, count + 2);
        }
        return new Translation(
                BlockOptimizer.of(block.first()), count, block.last().end());
    }

    @Override
    public boolean addressesStack(Cpu cpu, CodePage page, Instruction at, long distance) {
        Decoder.Result result = decoder.decode(page.bytes(), at.start(), PhysicalMemory.PAGE_SIZE, page.mode());
        if (result == Decoder.Result.TRUNCATED) decodeCrossing(page, at.start(), cpu.followingPage(at));
        Decoded d = decoder.decoded();
        boolean operand = d.hasModRm && !d.isRegister() && d.segment == Decoded.SS;
        return operand || isFrame(d) || (usesStack(d) && Math.abs(distance) <= STACK_FRAME);
    }

    /** ENTER and LEAVE, all of whose accesses are to the stack, by RBP too. */
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

    private void select(Cpu cpu, BlockBuilder block, Decoder.Result result) {
        Decoded d = decoder.decoded();
        block.begin(d);
        if (cpu.debug.breaksAt(d.start)) {
            block.addPart(new Plain((at, instruction) -> at.loop.checkBreakpoint(instruction)));
            block.begin(d); // the check stays, whatever becomes of the instruction
        }
        RequiredFeature.ignoreUnknownPrefix(d, cpu.features());
        if (result == Decoder.Result.COMPLETE && RequiredFeature.isThere(d, cpu.features())) {
            for (Selector selector : selectors) {
                Instruction instruction = selector.select(d, block);
                if (instruction != null) {
                    if (!instruction.equals(BlockBuilder.NOTHING)) block.add(instruction);
                    return;
                }
            }
        }
        block.undo();
        block.end(result == Decoder.Result.TOO_LONG ? Faulting.protection() : Faulting.undefined());
    }

    /** Translates an instruction of which a part is in the next page. */
    private void crossing(Cpu cpu, BlockBuilder block, int at) {
        CodePage page = block.page();
        SecondPage check = new SecondPage();
        check.place(at, at);
        CodePage second = cpu.followingPage(check);
        second.refresh(0, Decoder.MAX_LENGTH);
        Decoder.Result result = decodeCrossing(page, at, second);
        Decoded d = decoder.decoded();
        d.start += at;
        d.end += at;
        check.expect(page.entry(at), second);
        block.add(check);
        select(cpu, block, result);
        if (!block.ended()) block.fallThrough(d.end);
    }

    private Decoder.Result decodeCrossing(CodePage page, int at, CodePage second) {
        int here = PhysicalMemory.PAGE_SIZE - at;
        System.arraycopy(page.bytes(), at, window, 0, here);
        System.arraycopy(second.bytes(), 0, window, here, Decoder.MAX_LENGTH);
        return decoder.decode(window, 0, here + Decoder.MAX_LENGTH, page.mode());
    }
}
