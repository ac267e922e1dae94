package dev.microvm.engine.compile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.cpu.BareCpu;
import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.CpuExit;
import dev.microvm.engine.cpu.Instruction;
import java.lang.ref.WeakReference;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Which machines share the class of a region, how often it is made, and how long it lives. */
final class RegionFormsTest {
    private static final int ROUNDS = 20;
    private static final int MOST_COLLECTIONS = 100;
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    // MOV CX, ROUNDS; ADD AX, step; DEC CX; JNZ to the ADD; HLT
    private static final int LOOP = BareCpu.CODE + 3;

    @Test
    void machinesThatRunTheSameCode_shareAClass() {
        BareCpu one = run(3);
        BareCpu other = run(3);

        Instruction ours = region(one);
        Instruction theirs = region(other);
        assertThat(ours).isNotSameAs(theirs);
        assertThat(ours.getClass()).isSameAs(theirs.getClass());
        assertThat(new long[] {one.cpu.r[0] & 0xFFFF, other.cpu.r[0] & 0xFFFF}).containsExactly(3 * ROUNDS, 3 * ROUNDS);
    }

    @Test
    void machinesThatRunOtherCode_doNot() {
        assertThat(region(run(4)).getClass()).isNotSameAs(region(run(5)).getClass());
    }

    @Test
    void aClassThatNobodyUses_isUnloaded() {
        WeakReference<Class<?>> unused = new WeakReference<>(region(run(6)).getClass());
        RegionForms.forgetUnused();
        for (int i = 0; i < MOST_COLLECTIONS && !unused.refersTo(null); i++) System.gc();
        assertThat(unused.refersTo(null)).isTrue();
    }

    @Test
    void aRegion_isCompiledOnce_howeverLongItRuns() {
        BareCpu machine = new BareCpu(Tier.AUTO.compiler());
        machine.load(0xB9, 0xFF, 0xFF, 0x83, 0xC0, 1, 0x49, 0x75, 0xFA, 0xE6, 0x80); // OUT stops it
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!machine.block(LOOP).compiled() && System.nanoTime() < deadline) again(machine);

        Instruction region = region(machine);
        for (int i = 0; i < 2000; i++) again(machine); // hundred times what made it worth the while
        assertThat(region(machine)).isSameAs(region);
    }

    private static void again(BareCpu machine) {
        machine.cpu.rip = BareCpu.CODE;
        machine.run();
    }

    private static BareCpu run(int step) {
        BareCpu machine = new BareCpu(Tier.ALWAYS.compiler());
        machine.load(0xB9, ROUNDS, 0, 0x83, 0xC0, step, 0x49, 0x75, 0xFA, 0xF4);
        machine.cpu.r[0] = 0;
        assertThat(machine.run()).isEqualTo(CpuExit.HALTED);
        return machine;
    }

    private static Instruction region(BareCpu machine) {
        Block block = machine.block(LOOP);
        assertThat(block.compiled()).isTrue();
        return block.entry();
    }
}
