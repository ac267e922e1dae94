package dev.microvm.sandbox.tar;

import dev.microvm.sandbox.root.tree.RawName;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Locale;

/** Makes tar archives that no program would make. */
public final class TarBuilder {
    private static final int BLOCK = 512;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** Adds a file. */
    public TarBuilder file(String name, String content) {
        return entry(name, '0', "", RawName.bytes(RawName.of(content)));
    }

    /** Adds a directory. */
    public TarBuilder directory(String name) {
        return entry(name, '5', "", new byte[0]);
    }

    /** Adds a symbolic link. */
    public TarBuilder symlink(String name, String target) {
        return entry(name, '2', target, new byte[0]);
    }

    /** Adds a hard link. */
    public TarBuilder link(String name, String target) {
        return entry(name, '1', target, new byte[0]);
    }

    /** Adds anything, with content. */
    public TarBuilder entry(String name, char type, String link, byte[] content) {
        header(name, type, link, content.length);
        out.writeBytes(content);
        out.writeBytes(new byte[-content.length & (BLOCK - 1)]);
        return this;
    }

    /** Adds a header that says so many bytes follow, which do not. */
    public TarBuilder header(String name, char type, String link, long size) {
        byte[] block = new byte[BLOCK];
        put(block, 0, name);
        put(block, 100, "0000755");
        put(block, 108, "0000000");
        put(block, 116, "0000000");
        put(block, 124, String.format(Locale.ROOT, "%011o", size));
        put(block, 136, "00000000000");
        put(block, 148, "        ");
        block[156] = (byte) type;
        put(block, 157, link);
        put(block, 257, "ustar\00000");
        int sum = 0;
        for (byte value : block) sum += value & 0xFF;
        put(block, 148, String.format(Locale.ROOT, "%06o\0 ", sum));
        out.writeBytes(block);
        return this;
    }

    private static void put(byte[] block, int at, String text) {
        byte[] bytes = RawName.bytes(RawName.of(text));
        System.arraycopy(bytes, 0, block, at, Math.min(bytes.length, at == 0 || at == 157 ? 100 : 12));
    }

    /** Returns the archive with its end. */
    public byte[] build() {
        byte[] entries = out.toByteArray();
        return Arrays.copyOf(entries, entries.length + 2 * BLOCK);
    }
}
