package dev.microvm.engine.cpu;

import static dev.microvm.hypervisor.SpecialRegisters.CR4_PCE;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.cpuid.GuestCpuid;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** The features that a CPU shows its guest, all of which it has. What is not shown is not there. */
public final class Features {
    /** All that this CPU has. */
    public static final Features ALL =
            new Features(EnumSet.allOf(Feature.class), PageWalk.PHYSICAL_BITS, /* speaksKvm= */ true);

    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int PHYSICAL_BITS = 0xFF; // of EAX there
    private static final int PHYSICAL_BITS_BY_PAE = 36; // without that leaf: Intel SDM vol. 2A, CPUID
    private static final String KVM = "KVMKVMKVM";

    private static final Set<Feature> PARAVIRTUAL = EnumSet.of(
            Feature.KVMCLOCK, Feature.KVM_NO_IO_DELAY, Feature.KVMCLOCK2, Feature.KVM_PV_IPI, Feature.KVMCLOCK_STABLE);

    private final EnumSet<Feature> shown;
    private final int physicalBits;
    private final boolean speaksKvm;

    /** The bits that CR4 may have; others are reserved. */
    final long cr4;

    /** The bits that EFER may have, beside LMA, which nobody sets. */
    final long efer;

    /** The bits that XCR0 may have. */
    public final long xcr0;

    /** {@link Feature#GIB_PAGES}, which each page walk asks. */
    final boolean gibPages;

    private Features(EnumSet<Feature> shown, int physicalBits, boolean speaksKvm) {
        this.shown = shown;
        this.physicalBits = physicalBits;
        this.speaksKvm = speaksKvm;
        long control = CR4_PCE; // CPUID has no bit for it
        long extended = 0;
        for (Feature feature : shown) {
            control |= feature.cr4;
            extended |= feature.efer;
        }
        cr4 = control;
        efer = extended;
        xcr0 = shown.contains(Feature.AVX)
                ? ControlRegisters.XCR0_KNOWN
                : ControlRegisters.XCR0_KNOWN & ~ControlRegisters.XCR0_AVX;
        gibPages = shown.contains(Feature.GIB_PAGES);
    }

    /** Those that a table announces. */
    static Features in(List<CpuidEntry> table) {
        EnumSet<Feature> shown = EnumSet.noneOf(Feature.class);
        for (Feature feature : Feature.values()) if (feature.isIn(table)) shown.add(feature);
        boolean speaksKvm = shown.contains(Feature.HYPERVISOR)
                && GuestCpuid.hypervisorName(table).equals(KVM);
        if (!speaksKvm) shown.removeAll(PARAVIRTUAL);
        int physicalBits = table.stream()
                .filter(entry -> entry.function() == ADDRESS_SIZES)
                .mapToInt(entry -> entry.eax() & PHYSICAL_BITS)
                .findFirst()
                .orElse(PHYSICAL_BITS_BY_PAE);
        return new Features(shown, Math.min(physicalBits, PageWalk.PHYSICAL_BITS), speaksKvm);
    }

    /** Whether the guest may use a feature. */
    public boolean has(Feature feature) {
        return shown.contains(feature);
    }

    /** Whether the guest is told that there is KVM's paravirtual interface. */
    public boolean speaksKvm() {
        return speaksKvm;
    }

    /** The number of bits of a physical address. */
    public int physicalBits() {
        return physicalBits;
    }

    /** The bits of a 64-bit physical address that are reserved. */
    long beyondPhysical() {
        return -(1L << physicalBits);
    }
}
