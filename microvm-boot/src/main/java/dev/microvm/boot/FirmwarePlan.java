package dev.microvm.boot;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_CD;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_ET;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_NW;

import dev.microvm.boot.image.Cancellation;
import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.AcpiTables;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.boot.tables.FirmwareTables;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A checked plan of everything that a guest is started with when firmware starts it. The firmware's
 * ROM goes to guest memory. The rest is for QEMU's fw_cfg device, which the machine fills from
 * {@link #kernel}, {@link #acpi} and {@link #optionRoms}.
 *
 * <pre>{@code
 * FirmwarePlan plan = FirmwarePlan.builder(FirmwareImage.open(qboot), BootLayout.firmwareMemoryMap(512L << 20))
 *         .kernel(KernelImage.open(vmlinuz), CommandLine.of("console=ttyS0"), null)
 *         .acpi(AcpiConfig.of(1))
 *         .build();
 * BootState start = plan.load(memory);
 * }</pre>
 */
public final class FirmwarePlan implements StartPlan {
    // The first instruction: Intel SDM vol. 3A, 10.1.4
    private static final int RESET_SELECTOR = 0xF000;
    private static final long RESET_BASE = 0xFFFF_0000L;
    private static final long RESET_IP = 0xFFF0;
    private static final int REAL_MODE_LIMIT = 0xFFFF;

    private final FirmwareImage image;
    private final E820Map memoryMap;
    private final @Nullable FirmwareKernel kernel;
    private final @Nullable FirmwareTables acpi;
    private final List<OptionRom> optionRoms;

    private FirmwarePlan(Builder builder) {
        image = builder.image;
        memoryMap = builder.memoryMap;
        kernel = builder.kernel;
        acpi = builder.acpi == null ? null : AcpiTables.forFirmware(builder.acpi);
        optionRoms = List.copyOf(builder.optionRoms);
    }

    /**
     * Begins a plan.
     *
     * @param image the firmware
     * @param memoryMap the guest's memory: see {@link BootLayout#firmwareMemoryMap}
     */
    public static Builder builder(FirmwareImage image, E820Map memoryMap) {
        Objects.requireNonNull(image, "image");
        Objects.requireNonNull(memoryMap, "memoryMap");
        return new Builder(image, memoryMap);
    }

    /** Returns the firmware. */
    public FirmwareImage image() {
        return image;
    }

    /** Returns the memory map without firmware's reservations. */
    @Override
    public E820Map memoryMap() {
        return memoryMap;
    }

    @Override
    public List<String> tables() {
        return acpi == null ? List.of() : List.of("ACPI tables, placed by firmware");
    }

    /** Returns the kernel that firmware starts; empty if it looks for one itself. */
    public Optional<FirmwareKernel> kernel() {
        return Optional.ofNullable(kernel);
    }

    /** Returns the ACPI tables; empty if there are none. */
    public Optional<FirmwareTables> acpi() {
        return Optional.ofNullable(acpi);
    }

    /** Returns the option ROMs, in the order in which firmware tries to boot from them. */
    public List<OptionRom> optionRoms() {
        return optionRoms;
    }

    @Override
    public long romSize() {
        return image.size();
    }

    @Override
    public BootState load(GuestMemory memory, BooleanSupplier cancelled) {
        Objects.requireNonNull(memory, "memory");
        Objects.requireNonNull(cancelled, "cancelled");
        Cancellation cancellation = Cancellation.when(cancelled);
        cancellation.check();
        image.load(memory);
        if (kernel != null) kernel.load(memory, cancellation);
        return powerOn();
    }

    /** Returns the state of a CPU after a reset: Intel SDM vol. 3A, table 10-1. */
    private static BootState powerOn() {
        SegmentRegister code = new SegmentRegister(
                RESET_BASE,
                REAL_MODE_LIMIT,
                RESET_SELECTOR,
                SegmentRegister.TYPE_CODE,
                true,
                0,
                false,
                true,
                false,
                false,
                false,
                false);
        SegmentRegister data = SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA);
        return new BootState(
                Registers.ZERO.withRip(RESET_IP),
                reset -> reset.withSegments(code, data).withControl(CR0_CD | CR0_NW | CR0_ET, 0, 0, 0));
    }

    /** Collects what a guest is started with. For one thread. */
    public static final class Builder {
        private final FirmwareImage image;
        private final E820Map memoryMap;
        private @Nullable FirmwareKernel kernel;
        private @Nullable AcpiConfig acpi;
        private final List<OptionRom> optionRoms = new ArrayList<>();

        private Builder(FirmwareImage image, E820Map memoryMap) {
            this.image = image;
            this.memoryMap = memoryMap;
        }

        /**
         * Sets the kernel; none if not called.
         *
         * @param initrd its initrd; null if there is none
         * @throws BootException if firmware cannot start it, or something does not fit
         */
        public Builder kernel(KernelImage value, CommandLine cmdline, @Nullable Initrd initrd) {
            Objects.requireNonNull(value, "kernel");
            Objects.requireNonNull(cmdline, "cmdline");
            kernel = new FirmwareKernel(value, cmdline, initrd, memoryMap);
            return this;
        }

        /** Sets what the ACPI tables say; there are no tables if not called. */
        public Builder acpi(AcpiConfig value) {
            Objects.requireNonNull(value, "acpi");
            acpi = value;
            return this;
        }

        /** Adds an option ROM. */
        public Builder optionRom(OptionRom value) {
            Objects.requireNonNull(value, "optionRom");
            optionRoms.add(value);
            return this;
        }

        /** Makes the plan. */
        public FirmwarePlan build() {
            return new FirmwarePlan(this);
        }
    }
}
