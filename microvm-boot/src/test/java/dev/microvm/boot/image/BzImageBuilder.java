package dev.microvm.boot.image;

import io.airlift.compress.v3.bzip2.BZip2HadoopStreams;
import io.airlift.compress.v3.lz4.Lz4JavaCompressor;
import io.airlift.compress.v3.zstd.ZstdJavaCompressor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.tukaani.xz.FilterOptions;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.LZMAOutputStream;
import org.tukaani.xz.X86Options;
import org.tukaani.xz.XZ;
import org.tukaani.xz.XZOutputStream;

/** Makes bzImages for tests: Linux Documentation/arch/x86/boot.rst. */
public final class BzImageBuilder {
    private static final int SETUP_SIZE = 5 * 512; // setup_sects 4, and the first sector
    private static final int PAYLOAD_OFFSET = 0x400;
    private static final int LZ4_BLOCK = 8 << 20;

    private final byte[] payload;
    private int xloadflags = 1;
    private int version = 0x20F;
    private int initSize = 0x200_0000;
    private int cmdlineSize = 2047;
    private int paragraphs;

    private BzImageBuilder(byte[] payload) {
        this.payload = payload;
    }

    public static BzImageBuilder of(byte[] elf, Compression compression) {
        return new BzImageBuilder(compress(elf, compression));
    }

    public static BzImageBuilder ofPayload(byte[] payload) {
        return new BzImageBuilder(payload);
    }

    public BzImageBuilder xloadflags(int value) {
        xloadflags = value;
        return this;
    }

    public BzImageBuilder version(int value) {
        version = value;
        return this;
    }

    public BzImageBuilder initSize(int value) {
        initSize = value;
        return this;
    }

    /** Sets how many paragraphs the header says that there are; as many as there are if not called. */
    public BzImageBuilder paragraphs(int value) {
        paragraphs = value;
        return this;
    }

    public BzImageBuilder cmdlineSize(int value) {
        cmdlineSize = value;
        return this;
    }

    public byte[] build() {
        int codeSize = (PAYLOAD_OFFSET + payload.length + 15) & -16;
        ByteBuffer image = ByteBuffer.allocate(SETUP_SIZE + codeSize).order(ByteOrder.LITTLE_ENDIAN);
        image.put(0x1F1, (byte) 4)
                .putInt(0x1F4, paragraphs == 0 ? codeSize / 16 : paragraphs)
                .putShort(0x1FE, (short) 0xAA55);
        image.put(0x200, (byte) 0xEB).put(0x201, (byte) 0x6A).putInt(0x202, 0x53726448);
        image.putShort(0x206, (short) version).put(0x211, (byte) 1).putInt(0x214, 0x10_0000);
        image.putInt(0x22C, 0x7FFF_FFFF).putInt(0x230, 0x20_0000).putShort(0x236, (short) xloadflags);
        image.putInt(0x238, cmdlineSize).putInt(0x248, PAYLOAD_OFFSET).putInt(0x24C, payload.length);
        image.putLong(0x258, ElfBuilder.ENTRY).putInt(0x260, initSize);
        image.put(SETUP_SIZE + PAYLOAD_OFFSET, payload);
        return image.array();
    }

    /**
     * Compresses {@code elf} as the kernel's build does; the unpacked size follows, except after
     * gzip.
     */
    public static byte[] compress(byte[] elf, Compression compression) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            switch (compression) {
                case GZIP -> writeAll(new GZIPOutputStream(out), elf);
                case BZIP2 -> writeAll(new BZip2HadoopStreams().createOutputStream(out), elf);
                case LZMA -> writeAll(new LZMAOutputStream(out, new LZMA2Options(1), /* inputSize= */ -1), elf);
                case XZ -> {
                    FilterOptions[] filters = {new X86Options(), new LZMA2Options(1)};
                    writeAll(new XZOutputStream(out, filters, XZ.CHECK_CRC32), elf);
                }
                case LZ4 -> lz4(out, elf);
                case ZSTD -> zstd(out, elf);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (compression != Compression.GZIP) writeInt(out, elf.length);
        return out.toByteArray();
    }

    private static void writeAll(OutputStream out, byte[] bytes) throws IOException {
        try (out) {
            out.write(bytes);
        }
    }

    private static void lz4(ByteArrayOutputStream out, byte[] elf) {
        Lz4JavaCompressor compressor = new Lz4JavaCompressor();
        writeInt(out, Lz4LegacyStream.MAGIC);
        for (int from = 0; from < elf.length; from += LZ4_BLOCK) {
            int size = Math.min(LZ4_BLOCK, elf.length - from);
            byte[] block = new byte[compressor.maxCompressedLength(size)];
            int length = compressor.compress(elf, from, size, block, 0, block.length);
            writeInt(out, length);
            out.write(block, 0, length);
        }
    }

    private static void zstd(ByteArrayOutputStream out, byte[] elf) {
        ZstdJavaCompressor compressor = new ZstdJavaCompressor();
        byte[] frame = new byte[compressor.maxCompressedLength(elf.length)];
        int length = compressor.compress(elf, 0, elf.length, frame, 0, frame.length);
        out.writeBytes(Arrays.copyOf(frame, length));
    }

    private static void writeInt(ByteArrayOutputStream out, int value) {
        out.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array());
    }
}
