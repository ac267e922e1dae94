package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Random requests on images that the real qemu-img made, compared with a model and by qemu-img. */
@QemuImg.Required
final class Qcow2PropertyTest {
    private static final int SIZE = 6 * 1024 * 1024 + 512 * 3; // bytes: the last cluster is there in part
    private static final int ROUNDS = 2;
    private static final int REQUESTS = 100;

    @TempDir
    private Path directory;

    /** How an image is made. */
    enum Source {
        EMPTY,
        CONVERTED,
        COMPRESSED,
        PREALLOCATED,
        SNAPSHOT,
        ON_RAW,
        ON_QCOW2
    }

    /** One image to be made. */
    record Case(Source source, String options, CacheMode cache) {}

    static Stream<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Source source : Source.values()) {
            for (String options : options(source)) {
                cases.add(new Case(source, options, CacheMode.WRITEBACK));
            }
        }
        cases.add(new Case(Source.COMPRESSED, "cluster_size=64k", CacheMode.NONE));
        cases.add(new Case(Source.EMPTY, "cluster_size=512", CacheMode.NONE));
        cases.add(new Case(Source.ON_QCOW2, "cluster_size=4k", CacheMode.NONE));
        return cases.stream();
    }

    private static List<String> options(Source source) {
        List<String> all = new ArrayList<>(
                List.of("cluster_size=512", "cluster_size=4k", "cluster_size=64k", "compat=0.10,cluster_size=1k"));
        switch (source) {
            case EMPTY -> {
                for (int bits : new int[] {1, 2, 4, 8, 32, 64}) {
                    all.add("cluster_size=512,refcount_bits=" + bits);
                }
                all.addAll(List.of("cluster_size=2M,refcount_bits=1", "lazy_refcounts=on", "compat=0.10"));
            }
            case COMPRESSED ->
                all.addAll(List.of(
                        "cluster_size=2M",
                        "compat=0.10",
                        "cluster_size=512,refcount_bits=8",
                        "compression_type=zstd",
                        "compression_type=zstd,cluster_size=1k",
                        "compression_type=zstd,cluster_size=2M"));
            case ON_RAW, SNAPSHOT -> all.addAll(List.of("cluster_size=2M", "compat=0.10"));
            default -> {}
        }
        return all;
    }

    @MethodSource("cases")
    @ParameterizedTest
    void agreesWithModelAndQemuImg(Case each) throws IOException {
        long seed = each.hashCode();
        Path path = directory.resolve("image.qcow2");
        DiskModel model = new DiskModel(make(each, path), seed);
        DiskImage image = DiskImage.qcow2(path).cache(each.cache);
        if (each.source == Source.ON_RAW) image = image.backing(DiskImage.raw(directory.resolve("base")));
        if (each.source == Source.ON_QCOW2) image = image.backing(DiskImage.qcow2(directory.resolve("base")));

        for (int round = 0; round < ROUNDS; round++) {
            try (BlockBackend disk = image.open()) {
                model.check(disk);
                model.exercise(disk, REQUESTS);
                model.check(disk);
            }
            judge(path, model.content());
        }
    }

    /** Makes an image, and returns what its disk holds. */
    private byte[] make(Case each, Path path) throws IOException {
        byte[] content = content(each.hashCode());
        Path raw = Files.write(directory.resolve("content.raw"), content);
        String options = each.options;
        switch (each.source) {
            case EMPTY -> {
                QemuImg.create(path, SIZE, options);
                return new byte[SIZE];
            }
            case CONVERTED -> QemuImg.must("convert", "-f", "raw", "-O", "qcow2", "-o", options, raw, path);
            case COMPRESSED -> QemuImg.must("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, path);
            case PREALLOCATED -> {
                QemuImg.create(path, SIZE, options + ",preallocation=metadata");
                return new byte[SIZE];
            }
            case SNAPSHOT -> {
                QemuImg.must("convert", "-f", "raw", "-O", "qcow2", "-o", options, raw, path);
                QemuImg.must("snapshot", "-c", "first", path);
            }
            case ON_RAW -> {
                // Shorter than the disk on it.
                Path base = Files.write(directory.resolve("base"), Arrays.copyOf(content, SIZE / 1024 * 512));
                Arrays.fill(content, SIZE / 1024 * 512, SIZE, (byte) 0);
                QemuImg.create(path, SIZE, options + ",backing_fmt=raw,backing_file=" + base);
            }
            case ON_QCOW2 -> {
                Path base = directory.resolve("base");
                QemuImg.must("convert", "-c", "-f", "raw", "-O", "qcow2", raw, base);
                QemuImg.create(path, SIZE, options + ",backing_fmt=qcow2,backing_file=base");
            }
        }
        return content;
    }

    /** Half random, half zero, in pieces of 32 KiB; the random ones do not compress, or do. */
    private static byte[] content(long seed) {
        Random random = new Random(seed);
        byte[] content = new byte[SIZE];
        for (int at = 0; at < SIZE; at += 32768) {
            byte[] piece = new byte[Math.min(32768, SIZE - at)];
            if (random.nextBoolean()) random.nextBytes(piece);
            if (random.nextBoolean()) {
                for (int i = 0; i < piece.length; i++) {
                    piece[i] &= 3;
                }
            }
            System.arraycopy(piece, 0, content, at, piece.length);
        }
        return content;
    }

    private void judge(Path image, byte[] content) throws IOException {
        Path expected = Files.write(directory.resolve("expected.raw"), content);
        QemuImg.Result check = QemuImg.run("check", "-f", "qcow2", image);
        assertThat(check.status()).as(check.output()).isZero();
        QemuImg.Result compare = QemuImg.run("compare", "-f", "raw", "-F", "qcow2", expected, image);
        assertThat(compare.status()).as(compare.output()).isZero();
    }
}
