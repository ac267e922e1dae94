package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Region;
import dev.microvm.engine.cpu.Sequential;
import java.lang.constant.ConstantDescs;
import java.lang.invoke.MethodHandles;

/** What compiled code calls. Registers and flags are in {@link Cpu} then. */
final class RegionCalls {
    private RegionCalls() {}

    /** Does an instruction; returns whether the region must leave after it. */
    static boolean perform(Region region, Sequential instruction, Cpu cpu) {
        instruction.perform(cpu);
        return region.mustLeave(cpu);
    }

    /** Leaves a region. All regions call this one, so HotSpot expects no class of instruction here. */
    static Block leave(Instruction exit, Cpu cpu) {
        return exit.execute(cpu);
    }

    /** What a region's class refers to, in the order of its fields. */
    static Object[] classData(MethodHandles.Lookup region) {
        try {
            return MethodHandles.classData(region, ConstantDescs.DEFAULT_NAME, Object[].class);
        } catch (IllegalAccessException e) {
            throw new LinkageError("a region of guest code", e);
        }
    }
}
