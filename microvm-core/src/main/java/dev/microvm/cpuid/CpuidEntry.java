package dev.microvm.cpuid;

/**
 * The result of CPUID for one leaf and sub-leaf: Intel SDM vol. 2A, CPUID.
 *
 * @param function leaf, as in EAX
 * @param index sub-leaf, as in ECX; 0 if the leaf has none
 * @param indexed whether the leaf has sub-leaves
 */
public record CpuidEntry(int function, int index, boolean indexed, int eax, int ebx, int ecx, int edx) {
    /** Returns the same leaf with another result. */
    public CpuidEntry answering(int newEax, int newEbx, int newEcx, int newEdx) {
        return new CpuidEntry(function, index, indexed, newEax, newEbx, newEcx, newEdx);
    }

    @Override
    public String toString() {
        return "cpuid 0x%x.%d: eax=%08x ebx=%08x ecx=%08x edx=%08x".formatted(function, index, eax, ebx, ecx, edx);
    }
}
