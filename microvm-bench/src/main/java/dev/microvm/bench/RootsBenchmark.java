package dev.microvm.bench;

import dev.microvm.sandbox.root.PreparedRoot;
import dev.microvm.sandbox.root.Root;
import dev.microvm.sandbox.root.RootCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/**
 * Roots: a tree of the size of a small Debian, as a directory and as an archive, until a machine could
 * start from it; for the first time, and from the cache. Argument: rounds.
 */
public final class RootsBenchmark {
    private static final int FILES = 10_000;
    private static final int FILES_OF_A_FOLDER = 50;
    private static final long BYTES = 200_000_000;
    private static final int MANY_SMALL = 4; // the higher, the more of the bytes are in a few large files
    private static final double MILLION = 1e6;

    private final Path folder;
    private final int rounds;

    private RootsBenchmark(Path folder, int rounds) {
        this.folder = folder;
        this.rounds = rounds;
    }

    /** Runs the benchmark. */
    public static void main(String[] args) throws Exception {
        Path folder = Files.createTempDirectory("microvm-roots");
        new RootsBenchmark(folder, Integer.parseInt(args[0])).run();
    }

    private void run() throws Exception {
        Path tree = tree();
        Path archive = folder.resolve("tree.tar");
        Process tar = new ProcessBuilder("tar", "-C", tree.toString(), "-cf", archive.toString(), ".")
                .inheritIO()
                .start();
        if (tar.waitFor() != 0) throw new IOException("tar failed");
        Table table = new Table("root", "first in this JVM", "median", "from the cache, median");
        measure(table, "directory of %d files, %d MB".formatted(FILES, BYTES / 1_000_000), Root.directory(tree));
        measure(table, "the same as a tar archive", Root.tar(archive));
        System.out.printf("### Roots%n%n%s%n", table);
    }

    /** Makes files whose sizes are those of a system: most are small, few have most of the bytes. */
    private Path tree() throws IOException {
        Random random = new Random(1);
        double[] shares = new double[FILES];
        for (int i = 0; i < FILES; i++) shares[i] = Math.exp(MANY_SMALL / 2.0 * random.nextGaussian());
        double all = Arrays.stream(shares).sum();
        Path tree = folder.resolve("tree");
        for (int i = 0; i < FILES; i++) {
            Path parent = Files.createDirectories(tree.resolve("folder" + i / FILES_OF_A_FOLDER));
            byte[] content = new byte[(int) (BYTES * shares[i] / all)];
            random.nextBytes(content);
            Files.write(parent.resolve("file" + i), content);
        }
        return tree;
    }

    private void measure(Table table, String what, Root root) {
        long[] firsts = new long[rounds];
        long[] cached = new long[rounds];
        for (int i = 0; i < rounds; i++) {
            Root fresh = root.cache(RootCache.at(folder.resolve("cache-%s-%d".formatted(what.hashCode(), i))));
            firsts[i] = prepare(fresh);
            cached[i] = prepare(fresh);
        }
        long first = firsts[0];
        Arrays.sort(firsts);
        Arrays.sort(cached);
        table.row(what, ms(first), ms(firsts[rounds / 2]), ms(cached[rounds / 2]));
    }

    private static long prepare(Root root) {
        long begin = System.nanoTime();
        try (PreparedRoot prepared = root.prepare()) {
            prepared.disk();
            return System.nanoTime() - begin;
        }
    }

    private static String ms(long nanos) {
        return "%.0f ms".formatted(nanos / MILLION);
    }
}
