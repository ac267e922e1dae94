package dev.microvm.sandbox.root.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.sandbox.root.tree.Content;
import dev.microvm.sandbox.root.tree.ContentSink;
import dev.microvm.sandbox.root.tree.FileNode;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import dev.microvm.sandbox.tar.TarBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hostile archives get an error and never leave the root; honest layers change what they should. */
final class ArchiveSourceTest {
    private static final int MAX_BYTES = 10_000;
    private static final int MAX_FILES = 100;

    private final List<Content> released = new ArrayList<>();
    private final TreeLimits limits = new TreeLimits(MAX_BYTES, MAX_FILES);
    private final ContentSink sink = new ContentSink() {
        private long next = 1;

        @Override
        public Content store(InputStream in, long size) throws IOException {
            in.skipNBytes(size);
            return new Content(next++, size);
        }

        @Override
        public void release(Content content) {
            released.add(content);
        }
    };
    private final FileTree tree = new FileTree(sink, limits);
    private final ArchiveSource archives = new ArchiveSource(tree, sink, limits);

    @ParameterizedTest
    @ValueSource(strings = {"../evil", "a/../../evil", "/etc/passwd", "a/..", ".."})
    void refusesNamesThatLeadOut(String name) {
        assertRefused(new TarBuilder().file(name, "x"), "its name");
        assertRefused(new TarBuilder().directory("d").symlink(name, "x"), "its name");
        assertRefused(new TarBuilder().file("x", "x").link("y", name), "its name");
    }

    @Test
    void resolvesLinkedParentsInsideTheRoot() throws IOException {
        read(new TarBuilder()
                .directory("etc")
                .symlink("absolute", "/etc")
                .symlink("up", "../../../../etc")
                .symlink("chain", "up/../absolute")
                .file("absolute/a", "x")
                .file("up/b", "x")
                .file("chain/c", "x"));

        assertThat(at("etc").children()).containsOnlyKeys("a", "b", "c");
        assertThat(tree.root().children()).containsOnlyKeys("absolute", "chain", "etc", "up");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0,5", "0,4,2,1", "-1,5", "0,5,9", "1,99999999", "x,5", "9223372036854775807,5", ""})
    void refusesMapsOfHoles_thatAreNone(String map) {
        assertRefused(sparse(map, "100"), "no intact tar archive");
    }

    @Test
    void countsHoles() {
        assertRefused(sparse("0,4", Integer.toString(MAX_BYTES + 1)), "bytes");
    }

    private static TarBuilder sparse(String map, String size) {
        String records = record("GNU.sparse.size=" + size) + record("GNU.sparse.map=" + map);
        return new TarBuilder()
                .entry("pax", 'x', "", records.getBytes(StandardCharsets.US_ASCII))
                .file("f", "1234");
    }

    private static String record(String text) {
        int length = text.length() + 4; // two digits, a space and a line feed
        return length + " " + text + "\n";
    }

    @Test
    void refusesLinksInCircles_andParentsThatAreFiles() {
        assertRefused(new TarBuilder().symlink("a", "b").symlink("b", "a").file("a/x", "x"), "symbolic links");
        assertRefused(new TarBuilder().file("f", "x").file("f/x", "x"), "its parent is a file");
    }

    @Test
    void refusesHardLinksToNothingAndToDirectories() {
        assertRefused(new TarBuilder().link("a", "missing"), "which is no file");
        assertRefused(new TarBuilder().directory("d").link("a", "d"), "which is no file");
    }

    @Test
    void refusesBombs() {
        assertRefused(new TarBuilder().header("a", '0', "", 1L << 32), "Root.limits");
        assertRefused(new TarBuilder().header("a", 'L', "", 1L << 32), "1 MiB");
        assertRefused(new TarBuilder().header("a", 'x', "", 1L << 32), "1 MiB");
        TarBuilder many = new TarBuilder();
        for (int i = 0; i <= MAX_FILES; i++) many.directory("d" + i);
        assertRefused(many, "more than 100 files");
        assertRefused(
                new TarBuilder()
                        .file("d/".repeat(40) + "a", "x")
                        .file("e/".repeat(40) + "a", "x")
                        .file("f/".repeat(40) + "a", "x"),
                "more than 100 files");
    }

    @Test
    void refusesWhatIsCutShortOrChanged() {
        byte[] cut = Arrays.copyOf(new TarBuilder().file("a", "x".repeat(600)).build(), 800);
        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> archives.readRoot(new ByteArrayInputStream(cut)))
                .withMessageContaining("cut short");
        byte[] changed = new TarBuilder().file("a", "x").build();
        changed[0] ^= 1;
        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> archives.readRoot(new ByteArrayInputStream(changed)))
                .withMessageContaining("checksum");
    }

    @Test
    void readsPaxRecordsAsBytes() throws IOException {
        read(new TarBuilder()
                .entry("pax", 'x', "", pax("path", "Főtan/long", "mtime", "-1.25", "uid", "4294967295"))
                .file("ignored", "x"));

        FileNode file = child(at(RawName.of("Főtan")), "long");
        assertThat(file.metadata().seconds()).isEqualTo(-2);
        assertThat(file.metadata().nanos()).isEqualTo(750_000_000);
        assertThat(file.metadata().uid()).isEqualTo(-1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"5 a", "99 a=b\n", "x a=b\n", "-5 a=b\n", "6 ab=\n\n", "4 =\n=\n", "0 a=b\n"})
    void refusesPaxRecordsThatAreNone(String records) {
        assertRefused(
                new TarBuilder()
                        .entry("pax", 'x', "", records.getBytes(StandardCharsets.UTF_8))
                        .file("a", "x"),
                "record");
    }

    @Test
    void appliesWhiteoutsToLowerLayersOnly() throws IOException {
        layer(new TarBuilder()
                .file("d/a", "x")
                .file("d/b", "x")
                .file("e/f/g", "x")
                .file("top", "x"));
        layer(new TarBuilder()
                .file("d/new", "x")
                .file("d/.wh..wh..opq", "")
                .file("e/.wh.f", "")
                .file("top", "y")
                .file(".wh.top", "")
                .file(".wh.missing", ""));

        assertThat(at("d").children()).containsOnlyKeys("new");
        assertThat(at("e").children()).isEmpty();
        assertThat(tree.root().children()).containsOnlyKeys("d", "e", "top");
        assertThat(released).hasSize(4);
    }

    @Test
    void keepsContent_whileANameIsLeft() throws IOException {
        layer(new TarBuilder().file("a", "x").link("b", "a"));
        layer(new TarBuilder().file(".wh.a", ""));
        assertThat(released).isEmpty();
        assertThat(at("b").names()).isEqualTo(1);

        layer(new TarBuilder().directory("b"));
        assertThat(released).hasSize(1);
    }

    @Test
    void readsWhiteoutsOfAnArchiveAsFiles() throws IOException {
        read(new TarBuilder().file(".wh.a", "x"));

        assertThat(tree.root().children()).containsOnlyKeys(".wh.a");
    }

    private FileNode at(String name) {
        return child(tree.root(), name);
    }

    private static FileNode child(FileNode directory, String name) {
        return Objects.requireNonNull(directory.children().get(name), name);
    }

    private void read(TarBuilder tar) throws IOException {
        archives.readRoot(new ByteArrayInputStream(tar.build()));
    }

    private void layer(TarBuilder tar) throws IOException {
        archives.readLayer(new ByteArrayInputStream(tar.build()));
    }

    /** A tree of its own, because limits count. */
    private void assertRefused(TarBuilder tar, String message) {
        TreeLimits own = new TreeLimits(MAX_BYTES, MAX_FILES);
        ArchiveSource reader = new ArchiveSource(new FileTree(sink, own), sink, own);
        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> reader.readRoot(new ByteArrayInputStream(tar.build())))
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.remedy()).isNotEmpty());
    }

    private static byte[] pax(String... pairs) {
        StringBuilder records = new StringBuilder();
        for (int i = 0; i < pairs.length; i += 2) {
            String rest = " " + pairs[i] + "=" + RawName.of(pairs[i + 1]) + "\n";
            int length = rest.length() + 1;
            while (String.valueOf(length).length() + rest.length() != length) length++;
            records.append(length).append(rest);
        }
        return RawName.bytes(records.toString());
    }
}
