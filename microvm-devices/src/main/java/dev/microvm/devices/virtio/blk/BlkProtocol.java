package dev.microvm.devices.virtio.blk;

/**
 * Feature bits, configuration space and requests of a block device: VIRTIO 1.2, sections 5.2.3,
 * 5.2.4 and 5.2.6.
 */
final class BlkProtocol {
    // Feature bits: 5.2.3
    static final long F_SEG_MAX = 1 << 2;
    static final long F_RO = 1 << 5;
    static final long F_BLK_SIZE = 1 << 6;
    static final long F_FLUSH = 1 << 9;
    static final long F_TOPOLOGY = 1 << 10;
    static final long F_CONFIG_WCE = 1 << 11;
    static final long F_MQ = 1 << 12;
    static final long F_DISCARD = 1 << 13;
    static final long F_WRITE_ZEROES = 1 << 14;

    // struct virtio_blk_config: 5.2.4; offsets
    static final int CAPACITY = 0; // le64, sectors
    static final int SEG_MAX = 12; // le32, descriptors of data in a request
    static final int BLK_SIZE = 20; // le32, bytes
    static final int PHYSICAL_BLOCK_EXP = 24; // u8: 2^n logical blocks are a physical one
    static final int MIN_IO_SIZE = 26; // le16, logical blocks
    static final int WRITEBACK = 32; // u8: 1 with a cache, 0 without; the driver writes it
    static final int NUM_QUEUES = 34; // le16
    static final int MAX_DISCARD_SECTORS = 36; // le32
    static final int MAX_DISCARD_SEG = 40; // le32
    static final int DISCARD_SECTOR_ALIGNMENT = 44; // le32, sectors
    static final int MAX_WRITE_ZEROES_SECTORS = 48; // le32
    static final int MAX_WRITE_ZEROES_SEG = 52; // le32
    static final int WRITE_ZEROES_MAY_UNMAP = 56; // u8
    static final int CONFIG_SIZE = 60;

    // struct virtio_blk_req: 5.2.6; offsets
    static final int REQUEST_TYPE = 0; // le32
    static final int REQUEST_SECTOR = 8; // le64
    static final int HEADER_SIZE = 16; // bytes, at the start of what the device reads
    static final int STATUS_SIZE = 1; // bytes, at the end of what it writes

    // type
    static final int T_IN = 0;
    static final int T_OUT = 1;
    static final int T_FLUSH = 4;
    static final int T_GET_ID = 8;
    static final int T_DISCARD = 11;
    static final int T_WRITE_ZEROES = 13;

    // status
    static final int S_OK = 0;
    static final int S_IOERR = 1;
    static final int S_UNSUPP = 2;

    /** Bytes that a request for the device's ID gets at most: 5.2.6. */
    static final int ID_SIZE = 20;

    // struct virtio_blk_discard_write_zeroes: offsets
    static final int RANGE_SECTOR = 0; // le64
    static final int RANGE_SECTORS = 8; // le32
    static final int RANGE_FLAGS = 12; // le32
    static final int RANGE_SIZE = 16; // bytes
    static final int RANGE_F_UNMAP = 1;

    private BlkProtocol() {}
}
