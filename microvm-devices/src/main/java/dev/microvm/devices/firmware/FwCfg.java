package dev.microvm.devices.firmware;

import static dev.microvm.devices.firmware.FwCfgRegisters.*;

import dev.microvm.bus.BusDevice;
import dev.microvm.error.GuestNoise;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * QEMU's firmware configuration device (fw_cfg), on x86 machines at I/O port 0x510. It holds
 * {@link FwCfgItem items} that firmware finds by number ({@link FwCfgKeys}) or by name in a
 * directory. Any thread may call.
 *
 * <p>A guest selects an item and reads it byte by byte from the data port, or copies any part of it
 * to memory by DMA. Bytes beyond the end of an item read as zero. A DMA operation fails if its
 * structure or its data is not entirely in one region of guest memory, or if it would write to
 * read-only memory. It then sets the error bit, copies nothing, and does not move the position in
 * the item.
 *
 * <p>Source: QEMU's {@code docs/specs/fw_cfg.rst}. Not emulated: the memory-mapped variant of other
 * architectures, and writes to the data port, which QEMU has ignored since 2.4.
 */
public final class FwCfg implements BusDevice, Stateful {
    /** Size of its port range in bytes. The two bytes before the DMA register are unused. */
    public static final int RANGE = REGISTERS_END;

    private static final Logger log = LoggerFactory.getLogger(FwCfg.class);

    private static final String STATE_TYPE = "fw-cfg";
    private static final int STATE_VERSION = 1;
    private static final long OPEN_BUS = -1;
    private static final int READ_AHEAD = 4096; // bytes, for the data port
    private static final long CHUNK = 1 << 20; // bytes that are copied at a time: the JVM can stop threads in between
    private static final FwCfgItem NO_ITEM = FwCfgItem.of(new byte[0]);

    private final GuestMemory memory;
    private final Map<Integer, FwCfgItem> items;

    private int selector;
    private FwCfgItem item;
    private long offset; // in the item, 0 to its size
    private long dmaAddress; // its high half waits for the low one
    private final byte[] ahead = new byte[READ_AHEAD];
    private long aheadStart; // offset in the item of the first byte
    private int aheadLength;
    private final GuestNoise failedReads = new GuestNoise();

    private FwCfg(GuestMemory memory, Map<Integer, FwCfgItem> items) {
        this.memory = memory;
        this.items = items;
        this.item = items.getOrDefault(FwCfgKeys.SIGNATURE, NO_ITEM);
    }

    /** Returns a builder that already has the items that every device has. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects the items of a device. Not thread-safe. */
    public static final class Builder {
        private final TreeMap<Integer, FwCfgItem> items = new TreeMap<>();
        private final TreeMap<String, FwCfgItem> files = new TreeMap<>();

        private Builder() {
            items.put(FwCfgKeys.SIGNATURE, FwCfgItem.of(SIGNATURE_ITEM));
            items.put(FwCfgKeys.ID, FwCfgItem.le32(ID_DATA_PORT | ID_DMA));
        }

        /**
         * Adds an item under a number.
         *
         * @param key a key of {@link FwCfgKeys}: 0x02 to 0x1f except the directory, or 0x8000 to
         *     0xbfff
         * @throws IllegalArgumentException if the key is out of range or already used
         */
        public Builder item(int key, FwCfgItem item) {
            Objects.requireNonNull(item, "item");
            int number = key & ~FwCfgKeys.ARCH_LOCAL;
            boolean local = (key & FwCfgKeys.ARCH_LOCAL) != 0;
            if (number < 0 || number > LAST_KEY || (!local && number >= FwCfgKeys.FILE_FIRST)) {
                throw new IllegalArgumentException(
                        "firmware configuration key 0x%x: must be 0 to 0x1f or 0x8000 to 0xbfff".formatted(key));
            }
            if (key == FwCfgKeys.FILE_DIR || items.putIfAbsent(key, item) != null) {
                throw new IllegalArgumentException(
                        "firmware configuration key 0x%x is already used: choose another".formatted(key));
            }
            return this;
        }

        /**
         * Adds an item under a name, for example {@code "etc/e820"}. Names of user items should
         * begin with {@code "opt/"}.
         *
         * @param name 1 to 55 ASCII characters from space to tilde
         * @throws IllegalArgumentException if the name is not valid or already used, or if there
         *     are too many items
         */
        public Builder file(String name, FwCfgItem item) {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(item, "item");
            boolean printable = name.chars().allMatch(character -> character >= ' ' && character <= '~');
            if (name.isEmpty() || name.length() >= FILE_NAME_SIZE || !printable) {
                throw new IllegalArgumentException(
                        "firmware configuration file \"%s\": must have 1 to 55 printable ASCII characters"
                                .formatted(name));
            }
            if (FwCfgKeys.FILE_FIRST + files.size() > LAST_KEY) {
                throw new IllegalArgumentException("too many firmware configuration files: remove some");
            }
            if (files.putIfAbsent(name, item) != null) {
                throw new IllegalArgumentException("firmware configuration file \"%s\" exists already".formatted(name));
            }
            return this;
        }

        /** Returns a view of the named items so far, by name. */
        public SortedMap<String, FwCfgItem> files() {
            return Collections.unmodifiableSortedMap(files);
        }

        /**
         * Makes a device. A builder may make several devices if no item is writable.
         *
         * @param memory guest memory, for DMA
         */
        public FwCfg build(GuestMemory memory) {
            Objects.requireNonNull(memory, "memory");
            TreeMap<Integer, FwCfgItem> all = new TreeMap<>(items);
            ByteBuffer directory = ByteBuffer.allocate(Integer.BYTES + files.size() * FILE_SIZE);
            directory.putInt(files.size());
            int key = FwCfgKeys.FILE_FIRST;
            // Sorted by name, so that a guest can use binary search.
            for (Map.Entry<String, FwCfgItem> file : files.entrySet()) {
                all.put(key, file.getValue());
                directory
                        .putInt((int) file.getValue().size())
                        .putShort((short) key)
                        .putShort((short) 0);
                byte[] name = new byte[FILE_NAME_SIZE];
                byte[] characters = file.getKey().getBytes(StandardCharsets.US_ASCII);
                System.arraycopy(characters, 0, name, 0, characters.length);
                directory.put(name);
                key++;
            }
            all.put(FwCfgKeys.FILE_DIR, FwCfgItem.of(directory.array()));
            return new FwCfg(memory, all);
        }
    }

    // ---- registers

    @Override
    public synchronized long read(long at, int size) {
        if (at == DATA && size == 1) return nextByte();
        if (at < DMA_ADDRESS_HIGH) return at == SELECTOR && size <= Short.BYTES ? 0 : OPEN_BUS;
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (long) DMA_SIGNATURE[(int) at - DMA_ADDRESS_HIGH + i] << (8 * i);
        }
        return value;
    }

    @Override
    public synchronized void write(long at, int size, long value) {
        if (at == SELECTOR && size == Short.BYTES) {
            select((int) value);
        } else if (at == DMA_ADDRESS_HIGH && size == Integer.BYTES) {
            dmaAddress = bigEndian(value) << Integer.SIZE;
        } else if (at == DMA_ADDRESS_LOW && size == Integer.BYTES) {
            startDma(dmaAddress | bigEndian(value));
        } else if (at == DMA_ADDRESS_HIGH && size == Long.BYTES) {
            startDma(Long.reverseBytes(value));
        }
    }

    private static long bigEndian(long value) {
        return Integer.toUnsignedLong(Integer.reverseBytes((int) value));
    }

    private void select(int key) {
        selector = key & SELECTOR_MASK & ~SELECTOR_WRITE;
        item = items.getOrDefault(selector, NO_ITEM);
        offset = 0;
        aheadLength = 0;
    }

    /** Returns the next byte of the item, 0 beyond its end. */
    private int nextByte() {
        if (offset >= item.size()) return 0;
        long at = offset++;
        if (at < aheadStart || at - aheadStart >= aheadLength) {
            int length = (int) Math.min(READ_AHEAD, item.size() - at);
            aheadLength = 0;
            if (!readItem(at, MemorySegment.ofArray(ahead).asSlice(0, length))) return 0;
            aheadStart = at;
            aheadLength = length;
        }
        return Byte.toUnsignedInt(ahead[(int) (at - aheadStart)]);
    }

    // ---- DMA

    private void startDma(long gpa) {
        dmaAddress = 0;
        if (!memory.contains(gpa, DMA_ACCESS_SIZE)) {
            finishDma(gpa, false);
            return;
        }
        int control = Integer.reverseBytes(memory.getInt(gpa + DMA_CONTROL));
        long length = bigEndian(memory.getInt(gpa + DMA_LENGTH));
        long address = Long.reverseBytes(memory.getLong(gpa + DMA_ADDRESS));
        finishDma(gpa, transfer(control, address, length));
    }

    private void finishDma(long gpa, boolean done) {
        if (!guestCanWrite(gpa, Integer.BYTES)) return; // nowhere to say that it failed
        VarHandle.releaseFence(); // a guest that sees the control word sees the data
        memory.putInt(gpa + DMA_CONTROL, done ? 0 : Integer.reverseBytes(DMA_ERROR));
    }

    private boolean transfer(int control, long address, long length) {
        if ((control & DMA_SELECT) != 0) select(control >>> DMA_KEY_SHIFT);
        if (length == 0) return true;
        if ((control & DMA_READ) != 0) return copyToGuest(address, length);
        if ((control & DMA_WRITE) != 0) return copyFromGuest(address, length);
        if ((control & DMA_SKIP) != 0) offset += Math.min(length, item.size() - offset);
        return true;
    }

    private boolean copyToGuest(long address, long length) {
        if (!guestCanWrite(address, length)) return false;
        MemorySegment to = memory.slice(address, length);
        long fromItem = Math.min(length, item.size() - offset);
        for (long done = 0; done < fromItem; done += CHUNK) {
            if (!readItem(offset + done, to.asSlice(done, Math.min(CHUNK, fromItem - done)))) return false;
        }
        for (long done = fromItem; done < length; done += CHUNK) {
            to.asSlice(done, Math.min(CHUNK, length - done)).fill((byte) 0);
        }
        offset += fromItem;
        return true;
    }

    private boolean copyFromGuest(long address, long length) {
        FwCfgItem.Written written = item.written();
        if (written == null || length > item.size() - offset || !memory.contains(address, length)) return false;
        written.write(offset, memory.slice(address, length));
        offset += length;
        aheadLength = 0;
        return true;
    }

    /**
     * Returns whether the guest itself could write the range. The host must check, because it can
     * write to read-only memory.
     */
    private boolean guestCanWrite(long gpa, long size) {
        for (GuestMemoryRegion region : memory.regions()) {
            long at = gpa - region.base();
            if (at >= 0 && at <= region.size() && size <= region.size() - at) return !region.readOnly();
        }
        return false;
    }

    private boolean readItem(long from, MemorySegment to) {
        try {
            item.read(from, to);
            return true;
        } catch (IOException e) {
            long n = failedReads.count();
            if (n != 0) {
                log.warn(
                        "firmware configuration item 0x{}: {} reads failed, the last at byte {}: {}",
                        Integer.toHexString(selector),
                        n,
                        from,
                        e.toString());
            }
            return false;
        }
    }

    // ---- state

    /**
     * Returns to the state after power-on: selects the signature and restores the initial content
     * of writable items.
     */
    public synchronized void reset() {
        select(FwCfgKeys.SIGNATURE);
        dmaAddress = 0;
        for (FwCfgItem each : items.values()) {
            FwCfgItem.Written written = each.written();
            if (written != null) written.reset();
        }
    }

    /**
     * Saves the selected item, the position in it and the content of writable items. The other
     * items are not part of the state.
     */
    @Override
    public synchronized DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("selector", selector)
                .put("offset", offset)
                .put("dmaAddress", dmaAddress);
        items.forEach((key, each) -> {
            FwCfgItem.Written written = each.written();
            if (written != null) state.put(contentField(key), written.content());
        });
        return state;
    }

    /** Restores a state of a device with the same items. */
    @Override
    public synchronized void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        select(state.integer("selector"));
        offset = Math.clamp(state.number("offset"), 0, item.size());
        dmaAddress = state.number("dmaAddress") & ~0xffff_ffffL;
        items.forEach((key, each) -> {
            FwCfgItem.Written written = each.written();
            if (written != null) written.content(state.bytes(contentField(key)));
        });
    }

    private static String contentField(int key) {
        return "content" + key;
    }
}
