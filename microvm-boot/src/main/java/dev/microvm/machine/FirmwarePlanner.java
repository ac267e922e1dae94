package dev.microvm.machine;

import dev.microvm.boot.BootException;
import dev.microvm.boot.FirmwareImage;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.OptionRom;
import dev.microvm.boot.StartPlan;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.firmware.FwCfgItem;
import dev.microvm.model.Content;
import dev.microvm.model.FirmwareSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Opens the firmware of a description and fills fw_cfg. For one thread. */
final class FirmwarePlanner {
    private static final Decision NO_ROMS = Decision.absent("there are none");
    private static final Decision ROMS = Decision.present("firmware runs them");

    private final FirmwareSpec spec;

    FirmwarePlanner(FirmwareSpec spec) {
        this.spec = spec;
    }

    /** Whether firmware starts the guest. */
    boolean given() {
        return spec.file() != null;
    }

    /** Decides whether firmware finds the option ROMs. */
    Decision optionRoms() {
        return Decision.decide(spec.optionRoms(), spec.optionRomFiles().isEmpty() ? NO_ROMS : ROMS);
    }

    /**
     * Opens firmware and option ROMs, and begins a plan with them; null if there is no firmware or
     * it has problems.
     */
    FirmwarePlan.@Nullable Builder begin(long memorySize, List<String> problems) {
        if (spec.file() == null) return null;
        FirmwareImage image = open("firmware", spec.file(), FirmwareImage::open, problems);
        List<OptionRom> roms = new ArrayList<>();
        for (Path each : spec.optionRomFiles()) {
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

    /** Adds what a start by firmware needs, and the user's items. */
    void fill(FwCfg.Builder fwCfg, @Nullable StartPlan plan, List<String> problems) {
        if (plan instanceof FirmwarePlan byFirmware) {
            try {
                FwCfgContents.add(fwCfg, byFirmware);
            } catch (IllegalArgumentException e) {
                problems.add("optionRom: " + e.getMessage() + "; give the file another name");
            }
        }
        for (FirmwareSpec.Item item : spec.fwCfg()) {
            if (!fwCfg.files().containsKey(item.name())) fill(fwCfg, item, problems);
        }
    }

    private static void fill(FwCfg.Builder fwCfg, FirmwareSpec.Item item, List<String> problems) {
        String option = "fwCfg \"%s\": ".formatted(item.name());
        try {
            fwCfg.file(item.name(), open(item.content()));
        } catch (IOException e) {
            problems.add(option + "expected a readable file, found " + e);
        } catch (IllegalArgumentException e) { // too large, or too many items
            problems.add(option + e.getMessage());
        }
    }

    private static FwCfgItem open(Content content) throws IOException {
        return switch (content) {
            case Content.InFile in -> FwCfgItem.of(in.file());
            case Content.Bytes bytes -> FwCfgItem.of(bytes.bytes());
        };
    }
}
