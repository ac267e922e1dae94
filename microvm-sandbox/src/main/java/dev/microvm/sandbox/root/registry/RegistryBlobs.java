package dev.microvm.sandbox.root.registry;

import dev.microvm.sandbox.root.cache.FileCache;
import dev.microvm.sandbox.root.oci.Blobs;
import dev.microvm.sandbox.root.oci.Descriptor;
import dev.microvm.sandbox.root.oci.Json;
import dev.microvm.sandbox.root.oci.OciImage;
import dev.microvm.sandbox.root.oci.Platform;
import dev.microvm.sandbox.root.oci.VerifiedInput;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The blobs of an image in a registry, each checked and kept in a cache. Any thread may use it. */
public final class RegistryBlobs implements Blobs {
    private static final Logger log = LoggerFactory.getLogger(RegistryBlobs.class);

    private static final int AT_ONCE = 4; // downloads
    private static final int ATTEMPTS = 3; // for a download whose connection breaks
    private static final int PIECE = 256 * 1024; // bytes

    private final RegistryClient client;
    private final FileCache cache;
    private final Progress progress;

    /** Is told how far a blob's download is, by several threads. */
    public interface Progress {
        /** Some bytes of {@code size} are there. */
        void progress(String digest, long bytes, long size);
    }

    private RegistryBlobs(RegistryClient client, FileCache cache, Progress progress) {
        this.client = client;
        this.cache = cache;
        this.progress = progress;
    }

    /**
     * Opens an image: asks the registry what the name means now, unless it is a digest that the
     * cache has.
     *
     * @throws RootContentException if the registry does not give it, or it is not what it should be
     */
    public static OciImage open(
            ImageName name, Platform platform, DockerConfig logins, FileCache cache, Progress progress)
            throws IOException {
        RegistryClient client = new RegistryClient(name, logins);
        RegistryBlobs blobs = new RegistryBlobs(client, cache, progress);
        byte[] document = name.isDigest() ? blobs.manifest(name.reference()) : client.manifest(name.reference());
        return OciImage.open(blobs, Json.parse("the manifest of " + name, document), platform);
    }

    private byte[] manifest(String digest) throws IOException {
        try (FileCache.Use kept = cache.get(key(digest), part -> {
            byte[] document = client.manifest(digest);
            requireDigest(digest, document);
            Files.write(part, document);
        })) {
            return Files.readAllBytes(kept.file());
        }
    }

    private static void requireDigest(String digest, byte[] document) throws IOException {
        VerifiedInput verified =
                new VerifiedInput(new ByteArrayInputStream(document), new Descriptor("", digest, document.length));
        verified.verify();
    }

    @Override
    public InputStream open(Descriptor blob) throws IOException {
        FileCache.Use kept = fetch(blob);
        try {
            return new FilterInputStream(Files.newInputStream(kept.file())) {
                @Override
                public void close() throws IOException {
                    super.close();
                    kept.close();
                }
            };
        } catch (IOException e) {
            kept.close();
            throw e;
        }
    }

    /** Downloads several at once; who opens one waits until it is there. */
    @Override
    public Fetch prefetch(List<Descriptor> blobs) {
        ExecutorService threads = Executors.newFixedThreadPool(
                AT_ONCE, Thread.ofPlatform().daemon().name("microvm-pull-", 0).factory());
        for (Descriptor blob : blobs) {
            threads.execute(() -> {
                try {
                    fetch(blob).close();
                } catch (RootContentException e) {
                    log.debug("{}: whoever opens it tries again: {}", blob.digest(), e.getMessage());
                }
            });
        }
        return threads::shutdownNow;
    }

    private FileCache.Use fetch(Descriptor blob) {
        return cache.get(key(blob.digest()), part -> download(blob, part));
    }

    private void download(Descriptor blob, Path part) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try (InputStream in = isManifest(blob) ? manifestStream(blob) : client.blob(blob.digest());
                    OutputStream out = Files.newOutputStream(part)) {
                copy(blob, in, out);
                return;
            } catch (IOException e) {
                if (attempt == ATTEMPTS) {
                    throw new RootContentException(
                            "%s cannot be fetched: %s".formatted(blob.digest(), e),
                            "check the network, and try again",
                            e);
                }
                log.debug("{}: attempt {} failed: {}", blob.digest(), attempt, e.toString());
            }
        }
    }

    private static boolean isManifest(Descriptor blob) {
        return OciImage.mediaTypes().contains(blob.mediaType());
    }

    private InputStream manifestStream(Descriptor blob) throws IOException {
        return new ByteArrayInputStream(client.manifest(blob.digest()));
    }

    private void copy(Descriptor blob, InputStream in, OutputStream out) throws IOException {
        VerifiedInput verified = new VerifiedInput(in, blob);
        byte[] piece = new byte[PIECE];
        long done = 0;
        for (int count = verified.read(piece); count >= 0; count = verified.read(piece)) {
            out.write(piece, 0, count);
            done += count;
            progress.progress(blob.digest(), done, blob.size());
        }
        verified.verify();
    }

    private static String key(String digest) {
        return digest.replace(':', '-');
    }
}
