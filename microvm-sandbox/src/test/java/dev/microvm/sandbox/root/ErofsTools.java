package dev.microvm.sandbox.root;

import static dev.microvm.boot.testing.HostProgram.run;
import static dev.microvm.boot.testing.HostProgram.status;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.sandbox.root.source.Digests;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The reference tools of EROFS, this machine's kernel, and listings of trees to compare. */
final class ErofsTools {
    private static final int PERMISSIONS_EXTRACTED = 0170777; // of a mode, by fsck.erofs

    private ErofsTools() {}

    /** Skips the test unless the tools are here. */
    static void need() {
        needProgram("fsck.erofs", "erofs-utils");
    }

    /** Skips the test unless it is root's, as owners and devices need. */
    static void needRootUser() {
        boolean root = "root".equals(System.getProperty("user.name"));
        Lanes.need("root", root ? "" : "owners and devices need root: run the tests as root");
    }

    /** Skips the test unless a program is here, loudly. */
    static void needProgram(String program, String debianPackage) {
        boolean there = Stream.of(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
        Lanes.need(program, there ? "" : "there is no " + program + ": install the package " + debianPackage);
    }

    /**
     * Checks that an image has what a tree has: by fsck.erofs, which does not extract hard links and
     * special permissions, and if this machine can mount it, exactly.
     *
     * @param work a folder for this
     */
    static void assertSame(Path image, Path tree, Path work) throws IOException {
        Path extracted = work.resolve("extracted");
        run("fsck.erofs", "--extract=" + extracted, "--overwrite", "--preserve", image);
        assertEqual(list(extracted, /* exact= */ false), list(tree, /* exact= */ false));

        Path mounted = Files.createDirectories(work.resolve("mounted"));
        if (status("mount", "-t", "erofs", "-o", "ro,loop", image, mounted) != 0) {
            System.err.println("*** EROFS IS NOT MOUNTED: this user or kernel cannot; fsck.erofs alone checks it ***");
            return;
        }
        try {
            assertEqual(list(mounted, /* exact= */ true), list(tree, /* exact= */ true));
        } finally {
            run("umount", mounted);
        }
    }

    /** Shows only what differs, because trees are large. */
    private static void assertEqual(List<String> actual, List<String> wanted) {
        TreeSet<String> surplus = new TreeSet<>(actual);
        wanted.forEach(surplus::remove);
        TreeSet<String> missing = new TreeSet<>(wanted);
        actual.forEach(missing::remove);
        assertThat(surplus).as("more than in the tree").isEmpty();
        assertThat(missing).as("missing of the tree").isEmpty();
    }

    /**
     * Lists a tree: for each file its name, mode, owner, time, and its target, device, or size and
     * content. Files with several names list the first of them.
     */
    static List<String> list(Path tree, boolean exact) throws IOException {
        List<String> lines = new ArrayList<>();
        Map<Object, String> names = new HashMap<>();
        try (Stream<Path> files = Files.walk(tree)) {
            for (Path file : files.sorted().toList()) {
                String name = tree.relativize(file).toString();
                Map<String, Object> facts = Files.readAttributes(file, "unix:*", LinkOption.NOFOLLOW_LINKS);
                String first = exact ? names.computeIfAbsent(facts.get("ino"), any -> name) : name;
                int mode = (int) fact(facts, "mode") & (exact ? -1 : PERMISSIONS_EXTRACTED);
                lines.add("%s %o %s:%s %s %s %s"
                        .formatted(
                                name,
                                mode,
                                facts.get("uid"),
                                facts.get("gid"),
                                facts.get("rdev"),
                                detail(file, facts),
                                first));
            }
        }
        return lines;
    }

    private static String detail(Path file, Map<String, Object> facts) throws IOException {
        if (Files.isSymbolicLink(file)) return "-> " + Files.readSymbolicLink(file);
        if (!Files.isRegularFile(file)) return "";
        return facts.get("size") + " " + seconds(facts) + " " + digest(file);
    }

    /** Tar archives of GNU have no fractions. */
    private static String seconds(Map<String, Object> facts) {
        return fact(facts, "lastModifiedTime").toString().substring(0, "2026-11-26T22:27:14".length());
    }

    private static Object fact(Map<String, Object> facts, String name) {
        return Objects.requireNonNull(facts.get(name), name);
    }

    private static String digest(Path file) throws IOException {
        return HexFormat.of().formatHex(Digests.sha256().digest(Files.readAllBytes(file)));
    }
}
