package dev.microvm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.microvm.engine.compile.Tier;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.limits.Budget;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class CodeHeapTest {
    private static final int PAGE = 4096;
    private static final int PAGES = 8; // of which the last is there to be reached into
    private static final int FIRST = 0x1_0000;
    private static final int END = 0x6_0000; // of the code that callEachByte calls
    private static final int PAGE_SIZE_MAX = 40_000; // bytes of heap, with references of 8 bytes
    private static final int RET = 0xC3;
    private static final int CWDE = 0x98;
    private static final long LIMIT = 1 << 20;

    private final Budget budget = new Budget("bytes of translations", LIMIT);

    @ParameterizedTest
    @EnumSource
    void chargesWhatTheHeapHolds_ofOverlappingBlocks(CodeMode mode) {
        BareCpu machine = in(mode);
        fillDensely(machine);
        translateAll(machine);

        assertChargeIsHonest(machine);
    }

    @ParameterizedTest
    @EnumSource
    void chargesWhatTheHeapHolds_ofAnyInstructions(CodeMode mode) {
        BareCpu machine = in(mode);
        Random random = new Random(1);
        for (int i = 0; i < PAGES * PAGE; i++) machine.memory.putByte(FIRST + i, (byte) random.nextInt());
        translateAll(machine);

        assertChargeIsHonest(machine);
    }

    @Test
    void chargesNothing_whenAllIsDropped() {
        BareCpu machine = in(CodeMode.BITS_32);
        fillDensely(machine);
        translateAll(machine);
        machine.cpu.mmu.dropCode();

        assertThat(machine.codeHeap.held()).isZero();
    }

    @Test
    void chargesTheSame_howeverOftenCodeChanges() {
        BareCpu machine = in(CodeMode.BITS_32);
        fillDensely(machine);
        translateAll(machine);
        long once = machine.codeHeap.held();
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < PAGES - 1; i++)
                machine.cpu.mmu.code(FIRST + i * PAGE).written(0, PAGE);
            translateAll(machine);
        }

        assertThat(machine.codeHeap.held()).isEqualTo(once);
    }

    @Test
    void staysWithinTheBudget_whileAGuestMakesAsManyBlocksAsItCan() {
        assumeThat(Tier.chosen()).isNotEqualTo(Tier.ALWAYS); // where each block needs much more room
        BareCpu machine = new BareCpu(budget);
        callEachByte(machine);
        machine.run();

        assertThat(machine.cpu.r[Cpu.RDI]).isEqualTo(END - FIRST);
        assertThat(budget.used()).isPositive().isLessThanOrEqualTo(LIMIT);
        assertThat(machine.codeHeap.held()).isLessThanOrEqualTo(LIMIT + CodeHeap.ALLOWANCE + 3 * PAGE_SIZE_MAX);
    }

    @Test
    void runs_whenTheBudgetHasNoRoomAtAll() {
        Budget none = new Budget("bytes of translations", 1);
        BareCpu machine = new BareCpu(none);
        callEachByte(machine);
        machine.run();

        assertThat(machine.cpu.r[Cpu.RDI]).isEqualTo(END - FIRST);
        assertThat(none.used()).isLessThanOrEqualTo(1);
    }

    private static BareCpu in(CodeMode mode) {
        BareCpu machine = new BareCpu();
        Cpu cpu = machine.cpu;
        switch (mode) {
            case BITS_16 -> {}
            case BITS_32 -> cpu.segmentation.set(Cpu.CS, SegmentRegister.flat32(0, SegmentRegister.TYPE_CODE));
            case BITS_64 -> {
                cpu.efer = SpecialRegisters.EFER_LMA;
                cpu.segmentation.set(Cpu.CS, SegmentRegister.code64(0));
            }
        }
        cpu.updateMode();
        if (mode == CodeMode.BITS_16) cpu.segments[Cpu.CS].limit = -1L >>> Integer.SIZE;
        return machine;
    }

    private static void fillDensely(BareCpu machine) {
        for (int i = 0; i < PAGES * PAGE; i++) machine.memory.putByte(FIRST + i, (byte) (i % 25 == 24 ? RET : CWDE));
    }

    /** A guest that calls every byte of a quarter of a megabyte, each of which is a short block. */
    private static void callEachByte(BareCpu machine) {
        machine.cpu.segmentation.set(Cpu.CS, SegmentRegister.flat32(0, SegmentRegister.TYPE_CODE));
        machine.cpu.segmentation.set(Cpu.SS, SegmentRegister.flat32(0, SegmentRegister.TYPE_DATA));
        machine.cpu.updateMode();
        for (int i = FIRST; i < END; i++) machine.memory.putByte(i, (byte) (i % 5 == 4 ? RET : CWDE));
        machine.memory.putByte(END, (byte) RET);
        machine.load(
                0xBE, 0x00, 0x00, 0x01, 0x00, // mov esi, 0x10000
                0xFF, 0xD6, // call esi
                0x46, // inc esi
                0x47, // inc edi
                0x81, 0xFE, 0x00, 0x00, 0x06, 0x00, // cmp esi, 0x60000
                0x72, 0xF4, // jb to the call
                0xE6, 0xF4); // out 0xf4, al
    }

    private static void translateAll(BareCpu machine) {
        Cpu cpu = machine.cpu;
        for (int i = FIRST; i < FIRST + (PAGES - 1) * PAGE; i++) {
            Block block = cpu.jump(i);
            if (!block.translated()) cpu.translate(block);
        }
    }

    private static void assertChargeIsHonest(BareCpu machine) {
        long heap = DeepSize.of(machine.cpu.mmu.codePages(), machine.codeHeap);
        assertThat((double) machine.codeHeap.held() / heap).isBetween(0.9, 1.3);
    }
}
