package dev.microvm.devices.firmware;

/**
 * Register map of the firmware configuration device, as x86 machines have it at 0x510, and the
 * structures that it shares with the guest.
 *
 * <p>Source: QEMU's {@code docs/specs/fw_cfg.rst}.
 */
final class FwCfgRegisters {
    static final int SELECTOR = 0x0; // 16 bits, little-endian, write-only
    static final int DATA = 0x1; // 8 bits, read-only: the next byte of the selected item
    static final int DMA_ADDRESS_HIGH = 0x4; // 32 bits, big-endian; reads as the first half of DMA_SIGNATURE
    static final int DMA_ADDRESS_LOW = 0x8; // 32 bits, big-endian; a write starts an operation
    static final int REGISTERS_END = 0xc;

    static final int SELECTOR_MASK = 0xffff;
    static final int SELECTOR_WRITE = 0x4000; // historical: selects the same item

    static final byte[] DMA_SIGNATURE = {'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G'};
    static final byte[] SIGNATURE_ITEM = {'Q', 'E', 'M', 'U'};
    static final int ID_DATA_PORT = 1 << 0;
    static final int ID_DMA = 1 << 1;

    // FWCfgDmaAccess: offsets in bytes, all fields big-endian.
    static final int DMA_CONTROL = 0; // 32 bits, read/write: written when the operation is done
    static final int DMA_LENGTH = 4; // 32 bits
    static final int DMA_ADDRESS = 8; // 64 bits
    static final int DMA_ACCESS_SIZE = 16;

    // DMA_CONTROL. Of read, write and skip the first that is set counts.
    static final int DMA_ERROR = 1 << 0; // all that is left if it failed; none is left if not
    static final int DMA_READ = 1 << 1; // from the item to memory
    static final int DMA_SKIP = 1 << 2;
    static final int DMA_SELECT = 1 << 3; // first, as by a write to SELECTOR
    static final int DMA_WRITE = 1 << 4; // from memory to the item
    static final int DMA_KEY_SHIFT = 16; // of DMA_SELECT

    // FWCfgFiles: a 32-bit count and so many FWCfgFile, big-endian: size 32 bits, key 16 bits, 16 bits unused, name.
    static final int FILE_NAME_SIZE = 56; // bytes, one of them the zero at the end
    static final int FILE_SIZE = 8 + FILE_NAME_SIZE;
    static final int LAST_KEY = 0x3fff; // of generic items

    private FwCfgRegisters() {}
}
