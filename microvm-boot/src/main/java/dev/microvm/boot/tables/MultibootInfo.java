package dev.microvm.boot.tables;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * The information structure that a Multiboot kernel reads first, followed by the memory map, the
 * list of modules and all strings.
 *
 * <p>Source: Multiboot Specification 0.6.96, 3.3; names are its names. Not filled in: boot device,
 * symbols, drives, ROM configuration table, APM table, video.
 *
 * @param cmdline the kernel's command line
 * @param modules in the order in which the kernel finds them
 * @param memoryMap the memory map
 */
public record MultibootInfo(String cmdline, List<Module> modules, E820Map memoryMap) {
    private static final String LOADER_NAME = "microvm";

    // Bits of flags: which of the fields are there
    private static final int HAS_MEMORY = 1 << 0;
    private static final int HAS_CMDLINE = 1 << 2;
    private static final int HAS_MODULES = 1 << 3;
    private static final int HAS_MEMORY_MAP = 1 << 6;
    private static final int HAS_LOADER_NAME = 1 << 9;

    // Offsets; each field has 4 bytes
    private static final int FLAGS = 0;
    private static final int MEM_LOWER = 4; // KiB from 0 on, at most 640
    private static final int MEM_UPPER = 8; // KiB from 1 MiB to the first hole
    private static final int CMDLINE = 16;
    private static final int MODS_COUNT = 20;
    private static final int MODS_ADDR = 24;
    private static final int MMAP_LENGTH = 44; // bytes, not entries
    private static final int MMAP_ADDR = 48;
    private static final int BOOT_LOADER_NAME = 64;
    private static final int SIZE = 116; // with the fields of the framebuffer, which end it

    // A module: mod_start, mod_end (the first byte after it), string, and 4 bytes of zeros
    private static final int MODULE_SIZE = 16;

    // An entry of the memory map: size, base_addr and length of 8 bytes, type
    private static final int MEMORY_MAP_ENTRY_SIZE = 24;
    private static final int ENTRY_SIZE_VALUE = MEMORY_MAP_ENTRY_SIZE - Integer.BYTES; // size does not count itself

    private static final long MIB = 1 << 20;
    private static final long MAX_MEMORY = 1L << 32; // mem_upper counts memory below 4 GiB
    private static final int KIB_SHIFT = 10;

    /** Copies the list. */
    public MultibootInfo {
        Objects.requireNonNull(cmdline, "cmdline");
        Objects.requireNonNull(modules, "modules");
        Objects.requireNonNull(memoryMap, "memoryMap");
        modules = List.copyOf(modules);
    }

    /**
     * A module that is in guest memory.
     *
     * @param start guest-physical address of its first byte, below 4 GiB
     * @param end first address after it
     * @param cmdline text for the kernel to read with the module
     */
    public record Module(long start, long end, String cmdline) {
        /** Refuses null. */
        public Module {
            Objects.requireNonNull(cmdline, "cmdline");
        }
    }

    /**
     * Makes the bytes.
     *
     * @param base guest-physical address of the structure, below 4 GiB
     */
    public byte[] build(long base) {
        int mapAt = SIZE;
        int modulesAt = mapAt + memoryMap.entries().size() * MEMORY_MAP_ENTRY_SIZE;
        int stringsAt = modulesAt + modules.size() * MODULE_SIZE;
        ByteBuffer out = ByteBuffer.allocate(stringsAt).order(ByteOrder.LITTLE_ENDIAN);
        Strings strings = new Strings(base + stringsAt);

        out.putInt(FLAGS, HAS_MEMORY | HAS_CMDLINE | HAS_MODULES | HAS_MEMORY_MAP | HAS_LOADER_NAME);
        out.putInt(MEM_LOWER, kibFrom(0));
        out.putInt(MEM_UPPER, kibFrom(MIB));
        out.putInt(CMDLINE, strings.add(cmdline));
        out.putInt(MODS_COUNT, modules.size());
        out.putInt(MODS_ADDR, (int) (base + modulesAt));
        out.putInt(MMAP_LENGTH, modulesAt - mapAt);
        out.putInt(MMAP_ADDR, (int) (base + mapAt));
        out.putInt(BOOT_LOADER_NAME, strings.add(LOADER_NAME));

        out.position(mapAt);
        for (E820Map.Entry entry : memoryMap.entries()) {
            out.putInt(ENTRY_SIZE_VALUE).putLong(entry.start()).putLong(entry.size());
            out.putInt(entry.type().code());
        }
        for (Module module : modules) {
            out.putInt((int) module.start()).putInt((int) module.end());
            out.putInt(strings.add(module.cmdline())).putInt(0);
        }
        return strings.appendedTo(out.array());
    }

    /** Returns the size in KiB of the RAM without a hole from {@code start} on. */
    private int kibFrom(long start) {
        for (E820Map.Entry entry : memoryMap.entries()) {
            if (entry.type() == E820Map.Type.RAM && entry.start() <= start && entry.end() > start) {
                return (int) (Math.min(entry.end() - start, MAX_MEMORY) >> KIB_SHIFT);
            }
        }
        return 0;
    }

    /** Zero-terminated strings, one after the other. */
    private static final class Strings {
        private final long base;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Strings(long base) {
            this.base = base;
        }

        /** Adds one and returns its address. */
        int add(String text) {
            long address = base + bytes.size();
            bytes.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
            bytes.write(0);
            return (int) address;
        }

        byte[] appendedTo(byte[] start) {
            byte[] all = Arrays.copyOf(start, start.length + bytes.size());
            System.arraycopy(bytes.toByteArray(), 0, all, start.length, bytes.size());
            return all;
        }
    }
}
