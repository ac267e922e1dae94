package dev.microvm.hypervisor;

/**
 * A model-specific register and its value: Intel SDM vol. 4.
 *
 * @param index number of the MSR, as in ECX of RDMSR
 * @param value all 64 bits
 */
public record MsrEntry(int index, long value) {
    @Override
    public String toString() {
        return "msr 0x%x=0x%x".formatted(index, value);
    }
}
