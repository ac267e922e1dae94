package dev.microvm.sandbox.tar;

import dev.microvm.sandbox.root.tree.Metadata;
import dev.microvm.sandbox.root.tree.RawName;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes a tar archive of POSIX: ustar headers, with pax records for what does not fit them. Extended
 * attributes are left out. For one thread.
 */
public final class TarWriter implements Closeable {
    private static final int BUFFER = 1 << 16; // bytes
    private static final TarEntry RECORDS =
            new TarEntry("pax", TarReader.PAX, 0, "", 0, 0, new Metadata(0644, 0, 0, 0, 0, Map.of()));

    private final OutputStream out;
    private final byte[] buffer = new byte[BUFFER];

    /** Writes to a stream, which {@link #close} closes. */
    public TarWriter(OutputStream out) {
        this.out = out;
    }

    /** Appends an entry without content. */
    public void put(TarEntry entry) throws IOException {
        put(entry, InputStream.nullInputStream());
    }

    /**
     * Appends an entry with the first {@code entry.size()} bytes of a stream.
     *
     * @throws IOException if the stream has fewer, or one of the two streams fails
     */
    public void put(TarEntry entry, InputStream content) throws IOException {
        byte[] records = PaxRecords.write(records(entry));
        if (records.length > 0) {
            out.write(TarHeader.of(RECORDS.withSize(records.length)));
            out.write(records);
            pad(records.length);
        }
        out.write(TarHeader.of(entry));
        for (long left = entry.size(); left > 0; ) {
            int count = content.read(buffer, 0, (int) Math.min(left, BUFFER));
            if (count < 0) {
                throw new IOException("%s has become shorter by %d bytes".formatted(RawName.text(entry.name()), left));
            }
            out.write(buffer, 0, count);
            left -= count;
        }
        pad(entry.size());
    }

    private static Map<String, String> records(TarEntry entry) {
        Map<String, String> records = new LinkedHashMap<>();
        Metadata metadata = entry.metadata();
        if (!TarHeader.fitsName(entry.name())) records.put("path", entry.name());
        if (!TarHeader.fitsName(entry.linkName())) records.put("linkpath", entry.linkName());
        if (!TarHeader.fitsLong(entry.size())) records.put("size", Long.toString(entry.size()));
        long uid = Integer.toUnsignedLong(metadata.uid());
        if (!TarHeader.fitsId(uid)) records.put("uid", Long.toString(uid));
        long gid = Integer.toUnsignedLong(metadata.gid());
        if (!TarHeader.fitsId(gid)) records.put("gid", Long.toString(gid));
        if (metadata.nanos() != 0 || !TarHeader.fitsLong(metadata.seconds())) {
            BigDecimal time = BigDecimal.valueOf(metadata.seconds()).add(BigDecimal.valueOf(metadata.nanos(), 9));
            records.put("mtime", time.toPlainString());
        }
        return records;
    }

    private void pad(long size) throws IOException {
        out.write(new byte[(int) (-size & (TarHeader.BLOCK_SIZE - 1))]);
    }

    /** Ends the archive. */
    @Override
    public void close() throws IOException {
        try (out) {
            out.write(new byte[2 * TarHeader.BLOCK_SIZE]);
        }
    }
}
