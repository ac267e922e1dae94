package dev.microvm.machine;

import dev.microvm.boot.BootException;
import dev.microvm.boot.FirmwareImage;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.OptionRom;
import dev.microvm.boot.StartPlan;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.firmware.FwCfgItem;
import dev.microvm.model.Feature;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What a {@code MicroVmBuilder} was told of firmware and of fw_cfg, and whether that is in order. For one thread. */
public final class FirmwareOptions {
    /** What QEMU leaves to users, docs/specs/fw_cfg.rst, "Externally Provided Items"; 55 characters in all. */
    private static final Pattern ITEM_NAME = Pattern.compile("opt/[ -~]{1,51}");

    private static final Decision NO_ROMS = Decision.absent("there are none");
    private static final Decision ROMS = Decision.present("firmware runs those that it is given");

    private final List<Path> optionRomFiles = new ArrayList<>();
    private final List<Item> items = new ArrayList<>();
    private @Nullable Path file;
    private Feature optionRoms = Feature.AUTO;

    public void file(Path value) {
        file = value;
    }

    public void optionRoms(Feature value) {
        optionRoms = value;
    }

    public void optionRom(Path value) {
        optionRomFiles.add(value);
    }

    public void item(String name, Source source) {
        items.add(new Item(name, source));
    }

    /** Whether firmware starts the guest. */
    public boolean given() {
        return file != null;
    }

    /** Whether firmware sees the option ROMs. */
    public Decision optionRoms() {
        return Decision.decide(optionRoms, optionRomFiles.isEmpty() ? NO_ROMS : ROMS);
    }

    /** Reports what makes no sense without firmware. */
    public void checkWithout(List<String> problems) {
        if (!optionRomFiles.isEmpty()) problems.add("optionRom: needs firmware(...), which runs it");
        if (optionRoms == Feature.ON) problems.add("optionRoms: ON needs firmware(...), which runs them");
    }

    /** Opens firmware and option ROMs, and begins a plan with them; null if there is no firmware, or it is no good. */
    public FirmwarePlan.@Nullable Builder begin(long memorySize, List<String> problems) {
        if (file == null) return null;
        if (optionRoms == Feature.ON && optionRomFiles.isEmpty()) {
            problems.add("optionRoms: ON needs one; add it by optionRom(...)");
        }
        FirmwareImage image = open("firmware", file, FirmwareImage::open, problems);
        List<OptionRom> roms = new ArrayList<>();
        for (Path each : optionRomFiles) {
            OptionRom rom = open("optionRom", each, OptionRom::open, problems);
            if (rom != null) roms.add(rom);
        }
        if (image == null) return null;
        FirmwarePlan.Builder plan = FirmwarePlan.builder(image, FwCfgContents.memoryMap(memorySize));
        if (optionRoms().present()) roms.forEach(plan::optionRom);
        return plan;
    }

    private static <T> @Nullable T open(String option, Path file, Function<Path, T> opener, List<String> problems) {
        try {
            return opener.apply(file);
        } catch (BootException e) {
            problems.add(option + ": " + e.getMessage());
            return null;
        }
    }

    /** Adds to what every machine has what the plan needs, if it is by firmware, and the user's items. */
    public void fill(FwCfg.Builder fwCfg, @Nullable StartPlan plan, List<String> problems) {
        if (plan instanceof FirmwarePlan byFirmware) {
            try {
                FwCfgContents.add(fwCfg, byFirmware);
            } catch (IllegalArgumentException e) {
                problems.add("optionRom: " + e.getMessage() + "; give the file another name");
            }
        }
        for (Item item : items) {
            fill(fwCfg, item, problems);
        }
    }

    private static void fill(FwCfg.Builder fwCfg, Item item, List<String> problems) {
        String option = "fwCfg \"%s\": ".formatted(item.name());
        if (!ITEM_NAME.matcher(item.name()).matches()) {
            problems.add(option + "the name begins with opt/, and has 5 to 55 printable ASCII characters");
        } else if (fwCfg.files().containsKey(item.name())) {
            problems.add(option + "is there twice");
        } else {
            try {
                fwCfg.file(item.name(), item.source().open());
            } catch (IOException e) {
                problems.add(option + "expected a file that can be read, found " + e);
            } catch (IllegalArgumentException e) { // too large, or one too many
                problems.add(option + e.getMessage());
            }
        }
    }

    /** Where an item's content comes from. */
    @FunctionalInterface
    public interface Source {
        FwCfgItem open() throws IOException;
    }

    private record Item(String name, Source source) {}
}
