package dev.microvm.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Firmware, and the items that firmware and guest can read from the host by fw_cfg.
 *
 * @param file a ROM image such as QEMU's qboot.rom; null to enter the kernel directly
 * @param optionRoms whether firmware finds the option ROMs; AUTO is on, also without any
 * @param optionRomFiles in the order in which firmware tries to boot from them
 * @param fwCfg items of fw_cfg
 */
public record FirmwareSpec(@Nullable Path file, Feature optionRoms, List<Path> optionRomFiles, List<Item> fwCfg) {
    /** No firmware and no items. */
    public static final FirmwareSpec NONE = new FirmwareSpec(null, Feature.AUTO, List.of(), List.of());

    /**
     * Names that QEMU reserves for users, docs/specs/fw_cfg.rst, "Externally Provided Items"; 55
     * characters in all.
     */
    private static final Pattern ITEM_NAME = Pattern.compile("opt/[ -~]{1,51}");

    /** Copies the lists. */
    public FirmwareSpec {
        Objects.requireNonNull(optionRoms, "optionRoms");
        Objects.requireNonNull(optionRomFiles, "optionRomFiles");
        Objects.requireNonNull(fwCfg, "fwCfg");
        optionRomFiles = List.copyOf(optionRomFiles);
        fwCfg = List.copyOf(fwCfg);
    }

    /** The same with another ROM image. */
    public FirmwareSpec withFile(Path value) {
        Objects.requireNonNull(value, "firmware");
        return new FirmwareSpec(value, optionRoms, optionRomFiles, fwCfg);
    }

    /** The same with another choice about option ROMs. */
    public FirmwareSpec withOptionRoms(Feature value) {
        return new FirmwareSpec(file, value, optionRomFiles, fwCfg);
    }

    /** The same with one more option ROM. */
    public FirmwareSpec withOptionRom(Path rom) {
        Objects.requireNonNull(rom, "optionRom");
        return new FirmwareSpec(file, optionRoms, Lists.with(optionRomFiles, rom), fwCfg);
    }

    /** The same with one more item. */
    public FirmwareSpec withItem(Item item) {
        Objects.requireNonNull(item, "item");
        return new FirmwareSpec(file, optionRoms, optionRomFiles, Lists.with(fwCfg, item));
    }

    /** Returns what is contradictory, given twice or has a bad name, with option and remedy. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (file == null) {
            if (!optionRomFiles.isEmpty()) problems.add("optionRom: needs firmware(...) to run it");
            if (optionRoms == Feature.ON) problems.add("optionRoms: ON needs firmware(...) to run them");
        } else if (optionRoms == Feature.ON && optionRomFiles.isEmpty()) {
            problems.add("optionRoms: ON needs an option ROM: add one by optionRom(...)");
        }
        Set<String> names = new HashSet<>();
        for (Item item : fwCfg) {
            String option = "fwCfg \"%s\": ".formatted(item.name());
            if (!ITEM_NAME.matcher(item.name()).matches()) {
                problems.add(option + "the name must begin with opt/ and have 5 to 55 printable ASCII characters");
            } else if (!names.add(item.name())) {
                problems.add(option + "given twice: give each item its own name");
            }
        }
        return problems;
    }

    /**
     * An item of fw_cfg, which Linux shows in {@code /sys/firmware/qemu_fw_cfg/by_name}.
     *
     * @param name begins with {@code opt/}; 5 to 55 printable ASCII characters
     */
    public record Item(String name, Content content) {
        /** Refuses null. */
        public Item {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(content, "content");
        }
    }
}
