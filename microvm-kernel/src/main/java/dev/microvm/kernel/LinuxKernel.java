package dev.microvm.kernel;

import dev.microvm.BundledKernel;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/** The kernel in this jar, with what {@code scripts/kernel} wrote about it. */
public final class LinuxKernel implements BundledKernel {
    private final Properties properties = new Properties();

    /** Reads what is known of the kernel. */
    public LinuxKernel() {
        try (InputStream in = resource("kernel.properties")) {
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String release() {
        return properties.getProperty("release", "");
    }

    @Override
    public String sha256() {
        return properties.getProperty("sha256", "");
    }

    @Override
    public InputStream open() throws IOException {
        return resource("vmlinuz");
    }

    private static InputStream resource(String name) throws IOException {
        @Nullable InputStream in = LinuxKernel.class.getResourceAsStream(name);
        if (in == null)
            throw new FileNotFoundException("this jar has no " + name + ": build it by scripts/kernel --jar");
        return in;
    }
}
