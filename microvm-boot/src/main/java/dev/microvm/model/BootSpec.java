package dev.microvm.model;

import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.Unpacking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the guest starts with.
 *
 * @param kernel its file; null only with firmware, which then looks for one itself
 * @param initrd the initial file system; null if there is none
 * @param modules for a Multiboot kernel
 * @param cmdline the kernel's command line; null for the machine's own
 * @param protocol how the kernel is entered
 * @param unpacking who unpacks a bzImage
 * @param firmware by which the guest starts instead of entering the kernel directly, and items of fw_cfg
 */
public record BootSpec(
        @Nullable Path kernel,
        @Nullable Content initrd,
        List<ModuleSpec> modules,
        @Nullable String cmdline,
        BootProtocol protocol,
        Unpacking unpacking,
        FirmwareSpec firmware) {
    /** Nothing yet, and AUTO for the rest. */
    public static final BootSpec DEFAULT =
            new BootSpec(null, null, List.of(), null, BootProtocol.AUTO, Unpacking.AUTO, FirmwareSpec.NONE);

    /** Takes a copy of the list. */
    public BootSpec {
        modules = List.copyOf(modules);
    }

    /** The same with another kernel. */
    public BootSpec withKernel(Path file) {
        return new BootSpec(file, initrd, modules, cmdline, protocol, unpacking, firmware);
    }

    /** The same with another initial file system. */
    public BootSpec withInitrd(Content content) {
        return new BootSpec(kernel, content, modules, cmdline, protocol, unpacking, firmware);
    }

    /** The same with one more module behind those that are there. */
    public BootSpec withModule(ModuleSpec module) {
        return new BootSpec(kernel, initrd, Lists.with(modules, module), cmdline, protocol, unpacking, firmware);
    }

    /** The same with another command line. */
    public BootSpec withCmdline(String text) {
        return new BootSpec(kernel, initrd, modules, text, protocol, unpacking, firmware);
    }

    /** The same with another protocol. */
    public BootSpec withProtocol(BootProtocol value) {
        return new BootSpec(kernel, initrd, modules, cmdline, value, unpacking, firmware);
    }

    /** The same with another choice of who unpacks. */
    public BootSpec withUnpacking(Unpacking value) {
        return new BootSpec(kernel, initrd, modules, cmdline, protocol, value, firmware);
    }

    /** The same with other firmware. */
    public BootSpec withFirmware(FirmwareSpec value) {
        return new BootSpec(kernel, initrd, modules, cmdline, protocol, unpacking, value);
    }

    /** What contradicts itself, each problem with option, value and remedy. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        boolean byFirmware = firmware.file() != null;
        if (kernel == null && !byFirmware) problems.add("kernel: required; give the path of a vmlinux or bzImage");
        if (byFirmware && !modules.isEmpty()) {
            problems.add("module: a Multiboot kernel gets them, and firmware starts none: leave one of the two out");
        }
        if (byFirmware && kernel == null && initrd != null) {
            problems.add("initrd: needs kernel(...), for which it is");
        }
        problems.addAll(firmware.problems());
        return problems;
    }

    /**
     * A file that a Multiboot kernel finds in memory beside itself.
     *
     * @param content given to the kernel as it is
     * @param cmdline what the kernel can read about it, ASCII; may be empty
     */
    public record ModuleSpec(Content content, String cmdline) {}
}
