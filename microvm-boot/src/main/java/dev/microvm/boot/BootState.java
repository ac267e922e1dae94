package dev.microvm.boot;

import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.function.UnaryOperator;

/**
 * How the first vCPU starts. The others wait for the kernel to wake them.
 *
 * @param registers its general registers
 * @param special makes its segments and control registers from those that it has after a reset
 */
public record BootState(Registers registers, UnaryOperator<SpecialRegisters> special) {}
