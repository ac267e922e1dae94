package dev.microvm.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Firmware, and what it and the guest can ask the host for.
 *
 * @param file a ROM image such as QEMU's qboot.rom; null to enter the kernel directly
 * @param optionRoms whether firmware finds the option ROMs; AUTO is on, and needs none
 * @param optionRomFiles in the order in which firmware tries to boot from them
 * @param fwCfg items of fw_cfg
 */
public record FirmwareSpec(@Nullable Path file, Feature optionRoms, List<Path> optionRomFiles, List<Item> fwCfg) {
    /** No firmware and no items. */
    public static final FirmwareSpec NONE = new FirmwareSpec(null, Feature.AUTO, List.of(), List.of());

    /** What QEMU leaves to users, docs/specs/fw_cfg.rst, "Externally Provided Items"; 55 characters in all. */
    private static final Pattern ITEM_NAME = Pattern.compile("opt/[ -~]{1,51}");

    /** Takes copies of the lists. */
    public FirmwareSpec {
        optionRomFiles = List.copyOf(optionRomFiles);
        fwCfg = List.copyOf(fwCfg);
    }

    /** The same with another ROM image. */
    public FirmwareSpec withFile(Path value) {
        return new FirmwareSpec(value, optionRoms, optionRomFiles, fwCfg);
    }

    /** The same with another choice about option ROMs. */
    public FirmwareSpec withOptionRoms(Feature value) {
        return new FirmwareSpec(file, value, optionRomFiles, fwCfg);
    }

    /** The same with one more option ROM. */
    public FirmwareSpec withOptionRom(Path rom) {
        return new FirmwareSpec(file, optionRoms, Lists.with(optionRomFiles, rom), fwCfg);
    }

    /** The same with one more item. */
    public FirmwareSpec withItem(Item item) {
        return new FirmwareSpec(file, optionRoms, optionRomFiles, Lists.with(fwCfg, item));
    }

    List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (file == null) {
            if (!optionRomFiles.isEmpty()) problems.add("optionRom: needs firmware(...), which runs it");
            if (optionRoms == Feature.ON) problems.add("optionRoms: ON needs firmware(...), which runs them");
        } else if (optionRoms == Feature.ON && optionRomFiles.isEmpty()) {
            problems.add("optionRoms: ON needs one; add it by optionRom(...)");
        }
        Set<String> names = new HashSet<>();
        for (Item item : fwCfg) {
            String option = "fwCfg \"%s\": ".formatted(item.name());
            if (!ITEM_NAME.matcher(item.name()).matches()) {
                problems.add(option + "the name begins with opt/, and has 5 to 55 printable ASCII characters");
            } else if (!names.add(item.name())) {
                problems.add(option + "is there twice");
            }
        }
        return problems;
    }

    /**
     * An item of fw_cfg: Linux has it in {@code /sys/firmware/qemu_fw_cfg/by_name}.
     *
     * @param name begins with {@code opt/}; up to 55 ASCII characters
     */
    public record Item(String name, Content content) {}
}
