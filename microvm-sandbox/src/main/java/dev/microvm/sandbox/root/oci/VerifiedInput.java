package dev.microvm.sandbox.root.oci;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/** Reads a blob and checks size and digest at its end. Does not close what it reads. */
public final class VerifiedInput extends FilterInputStream {
    private final Descriptor blob;
    private final MessageDigest digest;
    private long left;

    /** Begins. */
    public VerifiedInput(InputStream in, Descriptor blob) {
        super(in);
        this.blob = blob;
        left = blob.size();
        try {
            String algorithm = blob.algorithm().toUpperCase(Locale.ROOT).replace("SHA", "SHA-");
            digest = MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("the JDK has SHA-256 and SHA-512", e);
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        int count = in.read(to, offset, length);
        if (count <= 0) return count;
        left -= count;
        if (left < 0) throw broken("has more bytes than its %d".formatted(blob.size()));
        digest.update(to, offset, count);
        return count;
    }

    @Override
    public long skip(long count) throws IOException {
        return readNBytes((int) Math.min(count, 8192)).length; // what is skipped counts too
    }

    @Override
    public boolean markSupported() {
        return false;
    }

    @Override
    public void close() {
        // whoever opened it closes it: at the end of its content, its digest is still to be checked
    }

    /**
     * Reads what is left and checks the whole.
     *
     * @throws RootContentException if size or digest are others
     */
    public void verify() throws IOException {
        transferTo(OutputStream.nullOutputStream());
        if (left != 0) throw broken("has %d bytes less than its %d".formatted(left, blob.size()));
        String actual = HexFormat.of().formatHex(digest.digest());
        if (!actual.equals(blob.hex())) throw broken("has the digest " + actual);
    }

    private RootContentException broken(String problem) {
        return new RootContentException(
                "the blob %s %s".formatted(blob.digest(), problem), "make or fetch the image again");
    }
}
