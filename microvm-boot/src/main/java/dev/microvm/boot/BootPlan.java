package dev.microvm.boot;

import dev.microvm.boot.image.Cancellation;
import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.AcpiTables;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.boot.tables.MpTable;
import dev.microvm.boot.tables.MultibootInfo;
import dev.microvm.boot.tables.ResetVector;
import dev.microvm.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A checked plan of everything that a guest is started with when the host loads its kernel, and of
 * the places in guest memory.
 *
 * <pre>{@code
 * BootPlan plan = BootPlan.builder(KernelImage.open(vmlinuz), BootLayout.memoryMap(512L << 20))
 *         .cmdline("console=ttyS0")
 *         .initrd(Initrd.open(initrd))
 *         .acpi(AcpiConfig.of(1))
 *         .build();
 * BootState start = plan.load(memory);
 * }</pre>
 *
 * <p>Immutable: any thread may use a plan, for any number of guests.
 */
public final class BootPlan implements StartPlan {
    private final KernelPlan kernel;
    private final CommandLine cmdline;
    private final @Nullable Initrd initrd;
    private final long initrdAddress;
    private final byte[] acpi; // empty if there is none
    private final @Nullable MpTable mpTable;
    private final E820Map memoryMap;
    private final List<BootModule> modules;
    private final List<MultibootInfo.Module> placedModules; // with their addresses
    private final byte[] multibootInfo; // empty with other protocols

    private BootPlan(Builder builder) {
        memoryMap = builder.memoryMap;
        kernel = builder.kernel.plan(builder.protocol, builder.unpacking, !builder.modules.isEmpty(), memoryMap);
        kernel.check(memoryMap, sizeOfExtras(builder));
        cmdline = builder.cmdline;
        cmdline.requireLength(builder.kernel.cmdlineMax());
        checkExtras(builder);
        initrd = builder.initrd;
        initrdAddress = initrd == null ? 0 : placeInitrd(initrd);
        acpi = builder.acpi == null ? new byte[0] : acpiTables(builder.acpi);
        mpTable = builder.mpTable;
        modules = List.copyOf(builder.modules);
        placedModules = placeModules();
        multibootInfo = kernel.protocol() == BootProtocol.MULTIBOOT ? multibootInfo() : new byte[0];
    }

    /**
     * Begins a plan.
     *
     * @param kernel the kernel to start
     * @param memoryMap the guest's memory: see {@link BootLayout#memoryMap}
     */
    public static Builder builder(KernelImage kernel, E820Map memoryMap) {
        Objects.requireNonNull(kernel, "kernel");
        Objects.requireNonNull(memoryMap, "memoryMap");
        return new Builder(kernel, memoryMap);
    }

    /** Returns how many bytes the initrd and the modules take. */
    private static long sizeOfExtras(Builder builder) {
        long size = builder.initrd == null ? 0 : builder.initrd.size();
        for (BootModule module : builder.modules) {
            size = MemoryNeed.after(size, module.size());
        }
        return size;
    }

    /** Checks that the protocol can pass the initrd or modules to the kernel. */
    private void checkExtras(Builder builder) {
        boolean multiboot = kernel.protocol() == BootProtocol.MULTIBOOT;
        if (multiboot && builder.initrd != null) {
            throw new BootException(
                    "initrd", "a module instead, because the kernel is started by MULTIBOOT", "an initrd");
        }
        if (!multiboot && !builder.modules.isEmpty()) {
            throw new BootException(
                    "module",
                    "a kernel started by MULTIBOOT, which alone takes modules",
                    "one started by %s; give it an initrd instead".formatted(kernel.protocol()));
        }
    }

    /**
     * Places the modules after the kernel, in their order, each at the start of a page even if it
     * does not require that.
     */
    private List<MultibootInfo.Module> placeModules() {
        List<MultibootInfo.Module> placed = new ArrayList<>();
        long end = Math.max(BootLayout.HIGH_MEMORY, kernel.kernel().end());
        for (BootModule module : modules) {
            long start = MemoryNeed.pageFrom(end);
            end = start + module.size();
            if (!memoryMap.isRam(start, end) || end > BootLayout.LOW_RAM_MAX) {
                long ramEnd = memoryMap.ramEndBelow(BootLayout.LOW_RAM_MAX);
                throw new BootException(
                        module.subject(placed.size() + 1),
                        "a module that fits between 0x%x and 0x%x, which is %d bytes"
                                .formatted(start, ramEnd, Math.max(0, ramEnd - start)),
                        "one of %d bytes; %s".formatted(module.size(), MemoryNeed.remedy(end)));
            }
            placed.add(new MultibootInfo.Module(start, end, module.cmdline()));
        }
        return List.copyOf(placed);
    }

    private byte[] multibootInfo() {
        byte[] info = new MultibootInfo(cmdline.toString(), placedModules, memoryMap).build(BootLayout.MULTIBOOT_INFO);
        if (info.length > BootLayout.MULTIBOOT_INFO_MAX_SIZE) {
            throw new BootException(
                    "module",
                    "modules whose command lines and descriptions have at most %d bytes together"
                            .formatted(BootLayout.MULTIBOOT_INFO_MAX_SIZE),
                    "%d bytes for %d modules".formatted(info.length, modules.size()));
        }
        return info;
    }

    private long placeInitrd(Initrd image) {
        return image.place(
                memoryMap.ramEndBelow(BootLayout.LOW_RAM_MAX),
                kernel.image().initrdAddrMax(),
                kernel.kernel().end());
    }

    private static byte[] acpiTables(AcpiConfig config) {
        byte[] tables = AcpiTables.build(config, BootLayout.ACPI_TABLES);
        if (tables.length > BootLayout.ACPI_TABLES_MAX_SIZE) {
            throw new BootException(
                    "ACPI tables",
                    "at most %d bytes".formatted(BootLayout.ACPI_TABLES_MAX_SIZE),
                    tables.length + " bytes; use fewer CPUs or devices");
        }
        return tables;
    }

    /** Returns how the kernel will be entered; never {@code AUTO}. */
    public BootProtocol protocol() {
        return kernel.protocol();
    }

    /** Whether the guest unpacks its kernel itself. */
    public boolean guestUnpacks() {
        return kernel.bzImage() != null;
    }

    /** Returns the address of the kernel's first instruction. */
    public long entry() {
        return kernel.kernel().entry();
    }

    /** Returns the lowest address of the kernel. */
    public long kernelStart() {
        return kernel.kernel().start();
    }

    /** Returns the first address after the kernel. */
    public long kernelEnd() {
        return kernel.kernel().end();
    }

    /** Returns the whole command line. */
    public String cmdline() {
        return cmdline.toString();
    }

    /** Returns the address of the initrd; 0 if there is none. */
    public long initrdAddress() {
        return initrdAddress;
    }

    /** Returns the modules with their addresses, in their order; empty if there are none. */
    public List<MultibootInfo.Module> modules() {
        return placedModules;
    }

    @Override
    public E820Map memoryMap() {
        return memoryMap;
    }

    @Override
    public List<String> tables() {
        List<String> tables = new ArrayList<>();
        AcpiTables.names(acpi, BootLayout.ACPI_TABLES).forEach(table -> tables.add("ACPI " + table));
        if (mpTable != null) tables.add("MP table at 0x%x".formatted(BootLayout.MP_TABLE));
        return tables;
    }

    @Override
    public BootState load(GuestMemory memory, BooleanSupplier cancelled) {
        Objects.requireNonNull(memory, "memory");
        Objects.requireNonNull(cancelled, "cancelled");
        Cancellation cancellation = Cancellation.when(cancelled);
        cancellation.check();
        kernel.load(memory, cancellation);
        if (initrd != null) initrd.load(memory, initrdAddress, cancellation);
        for (int i = 0; i < modules.size(); i++) {
            modules.get(i).load(memory, placedModules.get(i).start(), cancellation);
        }
        memory.write(BootLayout.ACPI_TABLES, acpi);
        if (mpTable != null) mpTable.write(memory, BootLayout.MP_TABLE);
        ResetVector.write(memory, BootLayout.RESET_VECTOR);

        if (kernel.protocol() == BootProtocol.MULTIBOOT) return MultibootBoot.prepare(memory, entry(), multibootInfo);
        cmdline.write(memory, BootLayout.CMDLINE);
        BootParameters parameters = new BootParameters(
                entry(),
                kernel.image().setupHeader(),
                initrdAddress,
                initrd == null ? 0 : initrd.size(),
                acpi.length == 0 ? 0 : BootLayout.ACPI_TABLES,
                memoryMap);
        return kernel.protocol() == BootProtocol.PVH
                ? PvhBoot.prepare(memory, parameters)
                : LinuxBoot.prepare(memory, parameters);
    }

    /** Collects what a guest is started with. For one thread. */
    public static final class Builder {
        private final KernelImage kernel;
        private final E820Map memoryMap;
        private BootProtocol protocol = BootProtocol.AUTO;
        private Unpacking unpacking = Unpacking.AUTO;
        private CommandLine cmdline = CommandLine.of("");
        private @Nullable Initrd initrd;
        private @Nullable AcpiConfig acpi;
        private @Nullable MpTable mpTable;
        private final List<BootModule> modules = new ArrayList<>();

        private Builder(KernelImage kernel, E820Map memoryMap) {
            this.kernel = kernel;
            this.memoryMap = memoryMap;
        }

        /** Sets how to enter the kernel; {@code AUTO} if not called. */
        public Builder protocol(BootProtocol value) {
            Objects.requireNonNull(value, "protocol");
            protocol = value;
            return this;
        }

        /** Sets who unpacks the kernel; {@code AUTO} if not called. */
        public Builder unpacking(Unpacking value) {
            Objects.requireNonNull(value, "unpacking");
            unpacking = value;
            return this;
        }

        /**
         * Sets the command line; empty if not called.
         *
         * @throws BootException if it has bad characters
         */
        public Builder cmdline(String value) {
            return cmdline(CommandLine.of(value));
        }

        /** Sets the command line; empty if not called. */
        public Builder cmdline(CommandLine value) {
            Objects.requireNonNull(value, "cmdline");
            cmdline = value;
            return this;
        }

        /** Sets the initrd; none if not called. */
        public Builder initrd(Initrd value) {
            Objects.requireNonNull(value, "initrd");
            initrd = value;
            return this;
        }

        /** Adds a module; none if not called. Only {@code MULTIBOOT} has modules. */
        public Builder module(BootModule value) {
            Objects.requireNonNull(value, "module");
            modules.add(value);
            return this;
        }

        /** Sets what the ACPI tables say; there are no tables if not called. */
        public Builder acpi(AcpiConfig value) {
            Objects.requireNonNull(value, "acpi");
            acpi = value;
            return this;
        }

        /** Sets the MP table; none if not called. */
        public Builder mpTable(MpTable value) {
            Objects.requireNonNull(value, "mpTable");
            mpTable = value;
            return this;
        }

        /**
         * Checks everything that can be checked without guest memory, and makes the plan.
         *
         * @throws BootException if the kernel cannot be started as asked, or something does not fit
         */
        public BootPlan build() {
            return new BootPlan(this);
        }
    }
}
