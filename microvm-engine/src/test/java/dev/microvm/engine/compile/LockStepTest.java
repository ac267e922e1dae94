package dev.microvm.engine.compile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.cpu.BareCpu;
import dev.microvm.engine.cpu.ControlRegisters;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.CpuExit;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.InstructionCounter;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/**
 * Compiled code does what its instructions do one by one: registers, flags, memory, and where it
 * faults. {@code -Dmicrovm.seed=N} repeats a program, {@code -Dmicrovm.cases=N} runs more.
 */
final class LockStepTest {
    private static final int CASES = Integer.getInteger("microvm.cases", 200);
    private static final int CODE_SEGMENT = 1;
    private static final int PAGE = 0x1000;
    private static final int R15 = 15;
    private static final int STACK = 0x8000;
    private static final int STACK_BYTES = 0x100;

    private final Random random = new Random();

    @Test
    void compiledCode_doesWhatItsInstructionsDoOneByOne() {
        BareCpu interpreted = long64(new BareCpu(Tier.OFF.compiler()));
        BareCpu compiled = long64(new BareCpu(Tier.ALWAYS.compiler()));
        compare(interpreted, compiled, BareCpu::run);
    }

    /** The time of a machine may be its count of instructions. */
    @Test
    void compiledCode_countsWhatItsInstructionsCountOneByOne() {
        Counted one = new Counted(Tier.OFF);
        Counted other = new Counted(Tier.ALWAYS);
        compare(one.machine, other.machine, machine -> (machine.equals(one.machine) ? one : other).run());
    }

    /** A CPU that counts, and looks at its registers after every so many instructions. */
    private static final class Counted {
        private static final int PERIOD = 37;

        private final InstructionCounter counter = new InstructionCounter(this::look);
        final BareCpu machine;
        private final StringBuilder seen = new StringBuilder();

        Counted(Tier tier) {
            machine = long64(new BareCpu(tier.compiler(), counter));
        }

        private void look() {
            seen.append(' ').append(counter.executed()).append(' ').append(Long.toHexString(machine.cpu.rip));
            seen.append(Arrays.hashCode(Arrays.copyOf(machine.cpu.r, Cpu.ZERO)));
            counter.limit(counter.executed() + PERIOD);
        }

        String run() {
            seen.setLength(0);
            counter.limit(counter.executed() + PERIOD);
            CpuExit exit = machine.run();
            return exit + " after " + counter.executed() + seen;
        }
    }

    private void compare(BareCpu interpreted, BareCpu compiled, Function<BareCpu, Object> runs) {
        long seed = Long.getLong("microvm.seed", System.nanoTime());
        for (int i = 0; i < CASES; i++) {
            random.setSeed(seed + i);
            byte[] code = new RandomProgram(random).make();
            int at = BareCpu.CODE + (random.nextBoolean() ? 0 : PAGE - random.nextInt(code.length)); // or across pages
            long state = random.nextLong();
            compiled.cpu.mmu.dropCode();
            interpreted.cpu.mmu.dropCode();
            for (int time = 1; time <= 2; time++) { // in regions from the first block on, when it runs again
                assertThat(run(compiled, code, at, state, runs))
                        .as(
                                "-Dmicrovm.seed=%d, time %d: %s",
                                seed + i, time, HexFormat.of().formatHex(code))
                        .isEqualTo(run(interpreted, code, at, state, runs));
            }
        }
    }

    private static String run(BareCpu machine, byte[] code, int at, long seed, Function<BareCpu, Object> runs) {
        Random values = new Random(seed);
        Cpu cpu = machine.cpu;
        cpu.mmu.flush();
        machine.memory.write(at, code);
        byte[] data = new byte[RandomProgram.DATA_SIZE];
        values.nextBytes(data);
        machine.memory.write(RandomProgram.DATA, data);
        machine.memory.write(STACK - STACK_BYTES, new byte[2 * STACK_BYTES]);
        for (int i = 0; i < Cpu.ZERO; i++) cpu.r[i] = value(values);
        for (int i = 0; i < cpu.xmm.length; i++) cpu.xmm[i] = value(values);
        cpu.r[Cpu.RBX] = RandomProgram.DATA;
        cpu.r[Cpu.RSP] = STACK;
        cpu.r[R15] = 1L + values.nextInt(20);
        cpu.mxcsr.value(values.nextInt(8) == 0 ? values.nextInt() & Mxcsr.MASK : Mxcsr.RESET);
        Flags.all(cpu, values.nextInt() & Flags.ARITHMETIC);
        cpu.rip = at;
        Object exit = runs.apply(machine);
        return exit + " " + Long.toHexString(cpu.rip) + " " + Arrays.toString(Arrays.copyOf(cpu.r, Cpu.ZERO)) + " "
                + Integer.toHexString(Flags.all(cpu)) + " "
                + Arrays.toString(Arrays.copyOf(cpu.xmm, Cpu.VECTOR_SCRATCH)) + " "
                + cpu.mxcsr + " "
                + HexFormat.of().formatHex(machine.memory.read(RandomProgram.DATA, RandomProgram.DATA_SIZE)) + " "
                + HexFormat.of().formatHex(machine.memory.read(STACK - STACK_BYTES, 2 * STACK_BYTES));
    }

    private static long value(Random values) {
        return switch (values.nextInt(4)) {
            case 0 -> values.nextInt(4) - 2;
            case 1 -> 1L << values.nextInt(64);
            case 2 -> values.nextInt();
            default -> values.nextLong();
        };
    }

    private static BareCpu long64(BareCpu machine) {
        Cpu cpu = machine.cpu;
        cpu.cr0 |= SpecialRegisters.CR0_PE; // without it there is no VEX
        cpu.efer = SpecialRegisters.EFER_LMA;
        cpu.cr4 = SpecialRegisters.CR4_OSFXSR | SpecialRegisters.CR4_OSXSAVE;
        cpu.xcr0 = ControlRegisters.XCR0_KNOWN;
        cpu.segmentation.set(CODE_SEGMENT, SegmentRegister.code64(0));
        cpu.updateMode();
        cpu.idtLimit = 0; // a fault is the end
        return machine;
    }
}
