package dev.microvm.devices.virtio;

/**
 * Registers of a virtio device on MMIO: VIRTIO 1.2, section 4.2.2, table 4.1; those of legacy
 * devices in 4.2.4. All are 32 bits wide. R and W say what a driver may do.
 */
public final class VirtioMmioRegisters {
    public static final int MAGIC_VALUE = 0x000; // R
    public static final int VERSION = 0x004; // R
    public static final int DEVICE_ID = 0x008; // R
    public static final int VENDOR_ID = 0x00c; // R
    public static final int DEVICE_FEATURES = 0x010; // R, the 32 bits that are selected
    public static final int DEVICE_FEATURES_SEL = 0x014; // W
    public static final int DRIVER_FEATURES = 0x020; // W, the 32 bits that are selected
    public static final int DRIVER_FEATURES_SEL = 0x024; // W
    public static final int GUEST_PAGE_SIZE = 0x028; // W, legacy: bytes, a power of two
    public static final int QUEUE_SEL = 0x030; // W
    public static final int QUEUE_NUM_MAX = 0x034; // R, 0 if there is no such queue
    public static final int QUEUE_NUM = 0x038; // W
    public static final int QUEUE_ALIGN = 0x03c; // W, legacy: bytes, a power of two
    public static final int QUEUE_PFN = 0x040; // RW, legacy: page number of the descriptor table
    public static final int QUEUE_READY = 0x044; // RW
    public static final int QUEUE_NOTIFY = 0x050; // W, number of the queue
    public static final int INTERRUPT_STATUS = 0x060; // R
    public static final int INTERRUPT_ACK = 0x064; // W
    public static final int STATUS = 0x070; // RW
    public static final int QUEUE_DESC_LOW = 0x080; // W
    public static final int QUEUE_DESC_HIGH = 0x084; // W
    public static final int QUEUE_DRIVER_LOW = 0x090; // W, the available ring
    public static final int QUEUE_DRIVER_HIGH = 0x094; // W
    public static final int QUEUE_DEVICE_LOW = 0x0a0; // W, the used ring
    public static final int QUEUE_DEVICE_HIGH = 0x0a4; // W
    public static final int SHM_SEL = 0x0ac; // W, id of a shared memory region
    public static final int SHM_LEN_LOW = 0x0b0; // R, bytes of the region that is selected
    public static final int SHM_LEN_HIGH = 0x0b4; // R
    public static final int SHM_BASE_LOW = 0x0b8; // R, its guest-physical address
    public static final int SHM_BASE_HIGH = 0x0bc; // R
    public static final int CONFIG_GENERATION = 0x0fc; // R
    public static final int CONFIG = 0x100; // RW, the device's own

    public static final int MAGIC = 0x7472_6976; // "virt"
    public static final int LEGACY_VERSION = 1;
    public static final int MODERN_VERSION = 2;

    /** Nobody assigns these: "JVMM". */
    public static final int VENDOR = 0x4d4d_564a;

    // Bits of INTERRUPT_STATUS and INTERRUPT_ACK.
    public static final int USED_BUFFER = 1;
    public static final int CONFIGURATION_CHANGE = 2;

    /** Length and base of a shared memory region that is not there: section 4.2.2, SHMLenLow. */
    public static final int NO_REGION = -1;

    private VirtioMmioRegisters() {}
}
