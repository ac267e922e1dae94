package dev.microvm.boot.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Makes Multiboot headers and flat kernels for tests: Multiboot Specification 0.6.96, 3.1. */
public final class MultibootBuilder {
    public static final int FLAT = 1 << 16;
    public static final int HEADER_OFFSET = 0x40; // in a flat kernel
    public static final long LOAD = 0x10_0000;
    public static final long ENTRY = LOAD + 0x100;

    private final byte[] content;
    private int flags = FLAT | 0x3;
    private int checksumError;
    private long header = LOAD + HEADER_OFFSET;
    private long load = LOAD;
    private long loadEnd;
    private long bssEnd;
    private long entry = ENTRY;

    private MultibootBuilder(byte[] content) {
        this.content = content;
    }

    /**
     * Makes a flat kernel that is loaded whole to 1 MiB; the header replaces the bytes at its
     * offset.
     */
    public static MultibootBuilder flat(byte[] content) {
        return new MultibootBuilder(content);
    }

    /** {@code content} with a header at {@code offset} that has no addresses. */
    public static byte[] header(byte[] content, int offset, int flags) {
        byte[] bytes = content.clone();
        buffer(bytes).putInt(offset, 0x1BADB002).putInt(offset + 4, flags).putInt(offset + 8, -(0x1BADB002 + flags));
        return bytes;
    }

    public MultibootBuilder flags(int value) {
        flags = value;
        return this;
    }

    public MultibootBuilder checksumError(int value) {
        checksumError = value;
        return this;
    }

    /** Moves header and kernel together. */
    public MultibootBuilder at(long address) {
        header += address - load;
        entry += address - load;
        load = address;
        return this;
    }

    public MultibootBuilder headerAddress(long value) {
        header = value;
        return this;
    }

    public MultibootBuilder loadEnd(long value) {
        loadEnd = value;
        return this;
    }

    public MultibootBuilder bssEnd(long value) {
        bssEnd = value;
        return this;
    }

    public MultibootBuilder entry(long value) {
        entry = value;
        return this;
    }

    public byte[] build() {
        byte[] bytes = header(content, HEADER_OFFSET, flags);
        ByteBuffer out = buffer(bytes);
        out.putInt(HEADER_OFFSET + 8, out.getInt(HEADER_OFFSET + 8) + checksumError);
        int at = HEADER_OFFSET + 12;
        for (long address : new long[] {header, load, loadEnd, bssEnd, entry}) {
            out.putInt(at, (int) address);
            at += 4;
        }
        return bytes;
    }

    /** The same, only the first {@code size} bytes of it. */
    public byte[] build(int size) {
        return Arrays.copyOf(build(), size);
    }

    private static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
