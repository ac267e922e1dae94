package dev.microvm.boot.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.BundledKernel;
import dev.microvm.Kernels;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;

/** A bundled kernel that is no kernel: in memory, or as a service in a jar that the test makes. */
public final class FakeKernel implements BundledKernel {
    private static final String IMAGE = "fake-kernel";

    private final String release;
    private final String sha256;
    private final byte[] image;

    /** Makes one whose SHA-256 may be wrong. */
    public FakeKernel(String release, String sha256, byte[] image) {
        this.release = release;
        this.sha256 = sha256;
        this.image = image;
    }

    /** The service: the resource {@value #IMAGE} of the class path. */
    public FakeKernel() {
        this("service", resource());
    }

    /** Makes one with its right SHA-256. */
    public FakeKernel(String release, byte[] image) {
        this(release, sha256(image), image);
    }

    @Override
    public String release() {
        return release;
    }

    @Override
    public String sha256() {
        return sha256;
    }

    @Override
    public InputStream open() {
        return new ByteArrayInputStream(image);
    }

    /** Returns the SHA-256 of an image as hexadecimal digits. */
    public static String sha256(byte[] image) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(image));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** Writes a jar that provides this class with an image, or another class that may not exist. */
    public static Path writeJar(Path file, String provider, byte[] image) throws IOException {
        Map<String, byte[]> entries =
                Map.of("META-INF/services/" + BundledKernel.class.getName(), provider.getBytes(UTF_8), IMAGE, image);
        try (OutputStream out = Files.newOutputStream(file);
                ZipOutputStream zip = new ZipOutputStream(out)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
            }
        }
        return file;
    }

    /** A program that prints the path of the bundled kernel, or why there is none. */
    public static final class Program {
        private Program() {}

        /** Runs it. */
        public static void main(String[] args) {
            try {
                System.out.println(Kernels.bundled());
            } catch (RuntimeException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    private static byte[] resource() {
        try (@Nullable InputStream in = FakeKernel.class.getResourceAsStream("/" + IMAGE)) {
            if (in == null) throw new FileNotFoundException(IMAGE);
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
