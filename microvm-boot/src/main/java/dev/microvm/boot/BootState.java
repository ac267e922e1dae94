package dev.microvm.boot;

import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.Objects;
import java.util.function.UnaryOperator;

/**
 * The state in which the first vCPU starts. The others wait until the kernel wakes them.
 *
 * @param registers its general registers
 * @param special makes its segments and control registers from those after a reset
 */
public record BootState(Registers registers, UnaryOperator<SpecialRegisters> special) {
    /** Refuses null. */
    public BootState {
        Objects.requireNonNull(registers, "registers");
        Objects.requireNonNull(special, "special");
    }
}
