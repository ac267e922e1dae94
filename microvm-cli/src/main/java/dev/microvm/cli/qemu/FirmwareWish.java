package dev.microvm.cli.qemu;

import dev.microvm.MicroVmBuilder;
import dev.microvm.model.Feature;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** What {@code -bios}, {@code -L} and {@code x-option-roms} say, until the kernel is known too. */
final class FirmwareWish {
    private static final Path QEMU = Path.of("/usr/share/qemu");
    private static final String FOR_ELF = "pvh.bin";
    private static final String FOR_BZIMAGE = "linuxboot_dma.bin";
    private static final byte[] ELF_MAGIC = {0x7f, 'E', 'L', 'F'};

    String file = "";
    boolean optionRoms = true;
    final List<Path> folders = new ArrayList<>();

    /**
     * Adds firmware to a machine, and the option ROM by which SeaBIOS finds the kernel, as QEMU does
     * (hw/i386/x86.c): {@code pvh.bin} for an ELF file, else {@code linuxboot_dma.bin}.
     *
     * @param kernel empty if there is none
     */
    void addTo(MicroVmBuilder vm, Optional<Path> kernel, Problems problems) {
        if (file.isEmpty()) return;
        vm.firmware(find(file).orElse(Path.of(file)));
        if (!optionRoms) {
            vm.optionRoms(Feature.OFF);
        } else if (kernel.isPresent()) {
            String name = isElf(kernel.get()) ? FOR_ELF : FOR_BZIMAGE;
            Optional<Path> rom = find(name);
            if (rom.isPresent()) vm.optionRom(rom.get());
            else
                problems.note(
                        "-bios " + file,
                        "no " + name + " beside it or by -L: SeaBIOS cannot start a kernel without it");
        }
    }

    /** Finds a file as given, beside the firmware, in folders of {@code -L}, or in QEMU's own. */
    private Optional<Path> find(String name) {
        List<Path> candidates = new ArrayList<>(List.of(Path.of(name)));
        Path beside = Path.of(file).toAbsolutePath().getParent();
        if (!name.contains("/")) {
            if (beside != null) candidates.add(beside.resolve(name));
            folders.forEach(each -> candidates.add(each.resolve(name)));
            candidates.add(QEMU.resolve(name));
        }
        return candidates.stream().filter(Files::isRegularFile).findFirst();
    }

    private static boolean isElf(Path kernel) {
        try (InputStream in = Files.newInputStream(kernel)) {
            return Arrays.equals(in.readNBytes(ELF_MAGIC.length), ELF_MAGIC);
        } catch (IOException e) {
            return false; // the machine reports a kernel that cannot be read
        }
    }
}
