package dev.microvm.sandbox.root.source;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.sandbox.root.erofs.ErofsImage;
import dev.microvm.sandbox.root.oci.Json;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import dev.microvm.sandbox.tar.TarBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile archives, layers and documents: each is refused, or becomes an image. In an ordinary build
 * the samples are tried; with JAZZER_FUZZ=1 Jazzer looks for others.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class ArchiveFuzzTest {
    private static final long MAX_BYTES = 1 << 20;
    private static final long MAX_FILES = 1_000;
    private static final int STEP = 4; // bytes: what to add, and three names

    /** Names that make trouble with each other. */
    private static final String[] NAMES = {
        "a",
        "b",
        "a/b",
        "a/b/c",
        "b/../a",
        "../a",
        "/a",
        ".",
        "..",
        "./a//b",
        ".wh.a",
        "a/.wh..wh..opq",
        "a/.wh.b",
        ".wh..wh..plnk",
        "b/c/d",
        "x/".repeat(30) + "y",
        "",
        "a/",
        "\u0151"
    };

    @TempDir
    private static Path folder;

    static Stream<byte[]> samples() {
        return IntStream.range(0, 200).mapToObj(seed -> {
            Random random = new Random(seed);
            byte[] script = new byte[STEP * random.nextInt(1, 40)];
            random.nextBytes(script);
            return script;
        });
    }

    /** Two layers whose entries a script chooses. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void layers(byte[] script) throws IOException {
        int half = script.length / (2 * STEP) * STEP;
        image(tar(script, 0, half), tar(script, half, script.length));
    }

    /** The bytes are an archive, compressed or not. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void archive(byte[] bytes) throws IOException {
        image(bytes);
    }

    /** The bytes are a document of an image. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void json(byte[] bytes) {
        try {
            Json.parse("the document", bytes).get("a").texts();
        } catch (RootContentException e) {
            assertThat(e.remedy()).isNotEmpty();
        }
    }

    private static byte[] tar(byte[] script, int from, int to) {
        TarBuilder tar = new TarBuilder();
        for (int i = from; i + STEP <= to; i += STEP) {
            String name = name(script[i + 1]);
            switch (script[i] & 7) {
                case 0, 1 -> tar.file(name, name(script[i + 2]));
                case 2 -> tar.directory(name);
                case 3, 4 -> tar.symlink(name, name(script[i + 2]));
                case 5 -> tar.link(name, name(script[i + 2]));
                case 6 ->
                    tar.entry(name, (char) (script[i + 2] & 0x7F), name(script[i + 3]), new byte[] {script[i + 3]});
                default ->
                    tar.entry(name, 'x', "", (" path=" + name(script[i + 2]) + "\n").getBytes(StandardCharsets.UTF_8));
            }
        }
        return tar.build();
    }

    private static String name(byte choice) {
        return NAMES[(choice & 0xFF) % NAMES.length];
    }

    private static void image(byte[]... layers) throws IOException {
        try (FileChannel file = FileChannel.open(
                folder.resolve("image"),
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            ErofsImage image = new ErofsImage(file);
            TreeLimits limits = new TreeLimits(MAX_BYTES, MAX_FILES);
            FileTree tree = new FileTree(image, limits);
            ArchiveSource archives = new ArchiveSource(tree, image, limits);
            for (byte[] layer : layers) archives.readLayer(new ByteArrayInputStream(layer));
            image.finish(tree.root());
            assertThat(file.size()).isLessThan(MAX_BYTES + MAX_FILES * 2 * 4096);
        } catch (RootContentException e) {
            assertThat(e.remedy()).isNotEmpty();
        }
    }
}
