package dev.microvm.engine.decode;

/**
 * How code is read: the default sizes of operands and addresses, Intel SDM vol. 1, 3.3.7 and 3.6.
 */
public enum CodeMode {
    /** Real mode, virtual-8086 mode and 16-bit segments. */
    BITS_16(2),
    /** 32-bit segments. */
    BITS_32(4),
    /** 64-bit mode. */
    BITS_64(8);

    private final int addressSize;

    CodeMode(int addressSize) {
        this.addressSize = addressSize;
    }

    /** Bytes of an address without a prefix. */
    public int addressSize() {
        return addressSize;
    }
}
