package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.memory.RamBacking;
import java.nio.file.Path;
import java.util.List;

/** What {@code -object memory-backend-ram}, {@code -memfd} or {@code -file} says. */
final class MemoryBackend {
    static final Grammar<MemoryBackend> GRAMMAR = new Grammar<>(
            "-object memory-backend",
            "",
            List.of(
                    maps(
                            "id=ID",
                            "the name for `-M memory-backend=ID` or `-numa node,memdev=ID`",
                            (memory, value) -> memory.id = value),
                    maps(
                            "size=N",
                            "must be the size of `-m`",
                            (memory, value) -> memory.size = Values.size(value, 'B')),
                    maps(
                            "share=on|off",
                            "on: `ram(RamBacking.shared())`, the default of memory-backend-memfd. off: anonymous memory",
                            (memory, value) -> memory.share = Values.isOn(value)),
                    maps(
                            "mem-path=FILE",
                            "with share=off `ram(RamBacking.privateOf(file))`: the file must have the size of the RAM. share=on is"
                                    + " refused",
                            (memory, value) -> memory.file = value),
                    ignored(
                            "prealloc, prealloc-threads, prealloc-context, merge, dump, reserve, seal, align, readonly=off,"
                                    + " discard-data, x-use-canonical-path-for-ramblock-id",
                            "as the host does it"),
                    refused("hugetlb, hugetlbsize, host-nodes, policy, pmem, offset, rom", "not here; leave it out")));

    String id = "";
    private final boolean isFile;
    private boolean share;
    private long size;
    private String file = "";

    /** Makes one of a type such as {@code memory-backend-memfd}. */
    MemoryBackend(String type) {
        isFile = type.endsWith("-file");
        share = type.endsWith("-memfd");
    }

    /** Returns what the RAM of a machine becomes. */
    RamBacking backing(int memoryMiB) {
        if (size != (long) memoryMiB << 20) {
            throw new OptionException(
                    "%s has %d MiB, and -m says %d: give both the same size".formatted(id, size >> 20, memoryMiB));
        }
        if (!isFile) return share ? RamBacking.shared() : RamBacking.anonymous();
        if (share)
            throw new OptionException(id + ": writes never reach a file; use share=off, or memory-backend-memfd");
        return RamBacking.privateOf(Path.of(file));
    }
}
