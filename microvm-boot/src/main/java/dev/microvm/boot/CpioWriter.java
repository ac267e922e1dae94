package dev.microvm.boot;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Writes a cpio archive in the "new ASCII" format, which Linux unpacks to its initial file system.
 * Equal entries make equal bytes: times are 0, owners are root, inode numbers count from 1.
 *
 * <p>Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst. For one thread.
 */
final class CpioWriter {
    /** File type bits of {@code c_mode}: Linux uapi/linux/stat.h. */
    static final int S_IFLNK = 0xA000;

    /** Mask of the file type bits. */
    static final int S_IFMT = 0xF000;

    static final int S_IFREG = 0x8000;
    static final int S_IFBLK = 0x6000;
    static final int S_IFDIR = 0x4000;
    static final int S_IFCHR = 0x2000;

    private static final String MAGIC = "070701"; // newc, without checksums
    private static final int HEADER_SIZE = 110; // the magic number and 13 fields of 8 hexadecimal digits
    private static final int ALIGNMENT = 4; // bytes, of names and contents
    private static final String TRAILER = "TRAILER!!!";
    private static final long MAX_FILE_SIZE = 0xFFFF_FFFFL; // the maximum of 8 digits

    private static final HexFormat DIGITS = HexFormat.of().withUpperCase();

    private final OutputStream out;
    private int inode;

    CpioWriter(OutputStream out) {
        this.out = out;
    }

    /** The content of an entry. */
    interface Content {
        /** Returns the number of bytes. */
        long size() throws IOException;

        /** Writes that many bytes. */
        void writeTo(OutputStream out) throws IOException;
    }

    /**
     * Writes an entry.
     *
     * @param name path without a leading slash
     * @param mode file type and permissions
     * @param major of a device node, else 0
     * @param minor of a device node, else 0
     * @param content of a file, or the target of a symbolic link
     */
    void entry(String name, int mode, int major, int minor, Content content) throws IOException {
        inode++;
        write(name, inode, mode, major, minor, content.size());
        content.writeTo(out);
        pad(content.size());
    }

    /** Writes the end of the archive. */
    void end() throws IOException {
        write(TRAILER, 0, 0, 0, 0, 0);
    }

    private void write(String name, int ino, int mode, int major, int minor, long size) throws IOException {
        if (size > MAX_FILE_SIZE) throw new IOException(name + " is larger than 4 GiB, the limit of the cpio format");
        byte[] nameBytes = (name + "\0").getBytes(StandardCharsets.UTF_8);
        int links = (mode & S_IFMT) == S_IFDIR ? 2 : 1;
        StringBuilder header = new StringBuilder(HEADER_SIZE).append(MAGIC);
        long[] fields = {
            ino,
            mode, /* uid */
            0, /* gid */
            0,
            links, /* mtime */
            0,
            size,
            /* devmajor */ 0, /* devminor */
            0,
            major,
            minor,
            nameBytes.length, /* check */
            0
        };
        for (long field : fields) {
            header.append(DIGITS.toHexDigits((int) field));
        }
        out.write(header.toString().getBytes(StandardCharsets.US_ASCII));
        out.write(nameBytes);
        pad(HEADER_SIZE + nameBytes.length);
    }

    private void pad(long written) throws IOException {
        out.write(new byte[(int) (-written & (ALIGNMENT - 1))]);
    }
}
