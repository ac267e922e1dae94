package dev.microvm.model;

import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.Unpacking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The kernel or firmware that a guest starts with, and what is passed to it.
 *
 * @param kernel the kernel's file; may be null with firmware, which then looks for a kernel itself
 * @param initrd the initial file system; null if there is none
 * @param modules for a Multiboot kernel
 * @param cmdline the kernel's command line; null for the machine's default
 * @param protocol how the kernel is entered
 * @param unpacking who unpacks a bzImage
 * @param firmware the firmware that starts the guest, if any, and items of fw_cfg
 */
public record BootSpec(
        @Nullable Path kernel,
        @Nullable Content initrd,
        List<ModuleSpec> modules,
        @Nullable String cmdline,
        BootProtocol protocol,
        Unpacking unpacking,
        FirmwareSpec firmware) {
    /** No files, and AUTO for the rest. */
    public static final BootSpec DEFAULT =
            new BootSpec(null, null, List.of(), null, BootProtocol.AUTO, Unpacking.AUTO, FirmwareSpec.NONE);

    /** Copies the list. */
    public BootSpec {
        Objects.requireNonNull(modules, "modules");
        Objects.requireNonNull(protocol, "protocol");
        Objects.requireNonNull(unpacking, "unpacking");
        Objects.requireNonNull(firmware, "firmware");
        modules = List.copyOf(modules);
    }

    /** The same with another kernel. */
    public BootSpec withKernel(Path file) {
        Objects.requireNonNull(file, "kernel");
        return new BootSpec(file, initrd, modules, cmdline, protocol, unpacking, firmware);
    }

    /** The same with another initial file system. */
    public BootSpec withInitrd(Content content) {
        Objects.requireNonNull(content, "initrd");
        return new BootSpec(kernel, content, modules, cmdline, protocol, unpacking, firmware);
    }

    /** The same with one more module, the last. */
    public BootSpec withModule(ModuleSpec module) {
        Objects.requireNonNull(module, "module");
        return new BootSpec(kernel, initrd, Lists.with(modules, module), cmdline, protocol, unpacking, firmware);
    }

    /** The same with another command line. */
    public BootSpec withCmdline(String text) {
        Objects.requireNonNull(text, "cmdline");
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

    /** Returns what is missing or contradictory, each problem with option, value and remedy. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        boolean byFirmware = firmware.file() != null;
        if (kernel == null && !byFirmware) problems.add("kernel: required; give the path of a vmlinux or bzImage");
        if (byFirmware && !modules.isEmpty()) {
            problems.add("module: needs a Multiboot kernel, which firmware cannot start: remove module(...) or"
                    + " firmware(...)");
        }
        if (byFirmware && kernel == null && initrd != null) {
            problems.add("initrd: needs kernel(...), to which it is passed: add a kernel or remove initrd(...)");
        }
        problems.addAll(firmware.problems());
        return problems;
    }

    /**
     * A file that a Multiboot kernel finds in memory.
     *
     * @param content passed to the kernel unchanged
     * @param cmdline text for the kernel to read with the module, ASCII; may be empty
     */
    public record ModuleSpec(Content content, String cmdline) {
        /** Refuses null. */
        public ModuleSpec {
            Objects.requireNonNull(content, "content");
            Objects.requireNonNull(cmdline, "cmdline");
        }
    }
}
