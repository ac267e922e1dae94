package dev.microvm.sandbox.root.source;

import dev.microvm.compress.Bzip2InputStream;
import dev.microvm.compress.GzipInputStream;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.XZInputStream;

/** Recognizes how an archive is compressed by its first bytes: gzip, zstd, xz, bzip2, or not. */
final class Unpacked {
    private static final int BUFFER = 256 * 1024; // bytes
    private static final int MAGIC_LENGTH = 6; // bytes, of the longest

    private static final byte[] GZIP = {0x1F, (byte) 0x8B}; // RFC 1952, 2.3.1
    private static final byte[] XZ = {(byte) 0xFD, '7', 'z', 'X', 'Z', 0}; // The .xz File Format, 2.1.1.1
    private static final byte[] BZIP2 = {'B', 'Z', 'h'};
    private static final int XZ_LIMIT_KIB = 160 * 1024; // xz -9 uses 64 MiB

    private Unpacked() {}

    /** Returns the unpacked bytes of {@code packed}, and closes it when it is closed. */
    static InputStream stream(InputStream packed) throws IOException {
        BufferedInputStream in = new BufferedInputStream(packed, BUFFER);
        in.mark(MAGIC_LENGTH);
        byte[] magic = in.readNBytes(MAGIC_LENGTH);
        in.reset();
        if (begins(magic, GZIP))
            return new BufferedInputStream(new GzipInputStream(in, /* allMembers= */ true), BUFFER);
        if (ZstdFrames.begins(magic)) return new BufferedInputStream(new ZstdFrames(in), BUFFER);
        if (begins(magic, BZIP2)) return bzip2(in);
        if (begins(magic, XZ)) return new BufferedInputStream(xz(in), BUFFER);
        return in;
    }

    private static boolean begins(byte[] bytes, byte[] magic) {
        return bytes.length >= magic.length && Arrays.equals(bytes, 0, magic.length, magic, 0, magic.length);
    }

    private static InputStream bzip2(InputStream in) throws IOException {
        UnpackingHeap heap = new UnpackingHeap();
        return new FilterInputStream(new BufferedInputStream(new Bzip2InputStream(in, heap::take), BUFFER)) {
            @Override
            public void close() throws IOException {
                heap.close();
                super.close();
            }
        };
    }

    private static InputStream xz(InputStream in) throws IOException {
        try {
            return new XZInputStream(in, XZ_LIMIT_KIB);
        } catch (MemoryLimitException e) {
            throw new RootContentException(
                    "its dictionary needs %d KiB".formatted(e.getMemoryNeeded()), "compress it with xz -9 or less", e);
        }
    }
}
