package dev.microvm.snapshot;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.Snapshot;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.SnapshotException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots that have only what differs from others. */
final class SnapshotDiffTest {
    @TempDir
    private Path folder;

    private final RamSample ram = new RamSample();

    private SnapshotFolder whole(String name) {
        return ram.whole(folder.resolve(name));
    }

    private SnapshotFolder diff(SnapshotFolder base, String name) {
        return ram.diff(base, folder.resolve(name));
    }

    private SnapshotFolder diff(SnapshotFolder base, String name, BitSet candidates) {
        return ram.diff(base, candidates, folder.resolve(name));
    }

    private static byte[] content(SnapshotFolder of) throws IOException {
        RamBacking.PrivateOf whole = (RamBacking.PrivateOf) of.memory();
        try (Arena arena = Arena.ofShared()) {
            byte[] bytes = Files.readAllBytes(whole.file());
            MemorySegment segment = arena.allocate(bytes.length, PAGE_SIZE);
            MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
            of.complete(segment);
            return segment.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static void assertRefused(ThrowingCallable action, String message) {
        assertThatExceptionOfType(SnapshotException.class).isThrownBy(action).withMessageContaining(message);
    }

    @Test
    void haveTheRamOfTheirMoment_howeverManyStandOnEachOther() throws IOException {
        Random random = new Random(Long.getLong("microvm.seed", 1));
        for (int page = 0; page < RamSample.PAGES; page += 3) ram.write(page, page);
        List<SnapshotFolder> chain = new ArrayList<>(List.of(whole("0")));
        List<byte[]> rams = new ArrayList<>(List.of(ram.bytes().clone()));
        for (int i = 1; i < 6; i++) {
            BitSet written = new BitSet();
            for (int left = 100; left > 0; left--) {
                int page = random.nextInt(RamSample.PAGES);
                ram.write(page, random.nextInt(3)); // some become zero, some what they were
                written.set(page);
            }
            chain.add(diff(chain.getLast(), String.valueOf(i), written));
            rams.add(ram.bytes().clone());
        }
        for (int i = 0; i < chain.size(); i++) {
            SnapshotFolder opened = SnapshotFolder.open(chain.get(i).path());
            opened.verify();
            assertThat(content(opened)).as("moment %d", i).isEqualTo(rams.get(i));
            SnapshotFolder merged = opened.merge(folder.resolve("merged" + i));
            assertThat(SnapshotFolder.open(merged.path()).base()).isNull();
            assertThat(Files.readAllBytes(merged.path().resolve("memory"))).isEqualTo(rams.get(i));
            assertThat(merged.state()).isEqualTo(opened.state());
        }
    }

    @Test
    void findPagesThatTheBaseChanged_evenIfNobodyHasWrittenThemSince() throws IOException {
        SnapshotFolder whole = whole("whole");
        byte[] before = ram.bytes().clone();
        ram.write(3, 1);
        SnapshotFolder changed = diff(whole, "changed");
        ram.set(before); // such as by a balloon, which gives pages back
        SnapshotFolder back = diff(changed, "back", new BitSet());

        assertThat(content(SnapshotFolder.open(back.path()))).isEqualTo(before);
    }

    @Test
    void takeRoomForWhatDiffers_andNoMore() throws IOException {
        for (int page = 0; page < RamSample.PAGES; page++) ram.write(page, 1);
        SnapshotFolder whole = whole("whole");
        ram.write(5, 9);
        SnapshotFolder diff = diff(whole, "diff");

        try (RandomAccessFile file =
                new RandomAccessFile(diff.path().resolve("memory").toFile(), "r")) {
            byte[] found = new byte[ram.bytes().length];
            file.readFully(found);
            byte[] expected = new byte[ram.bytes().length];
            int at = 5 * (int) PAGE_SIZE;
            System.arraycopy(ram.bytes(), at, expected, at, (int) PAGE_SIZE);
            assertThat(found).isEqualTo(expected);
        }
    }

    @Test
    void areRefused_whenTheBaseIsMissing_orAnother_orOfAnotherMachine() throws IOException {
        SnapshotFolder whole = whole("whole");
        ram.write(5, 9);
        SnapshotFolder diff = diff(whole, "diff");
        Path away = folder.resolve("away");
        Files.move(whole.path(), away);
        assertRefused(() -> SnapshotFolder.open(diff.path()), "whole, which is missing: put that back there");
        whole("whole"); // of other RAM
        assertRefused(() -> SnapshotFolder.open(diff.path()), "where another snapshot is now");
        assertRefused(
                () -> SnapshotFolder.writeDiff(
                        RamSample.state(RamSample.MIB + 1),
                        Arena.ofAuto().allocate((RamSample.MIB + 1) << 20, PAGE_SIZE),
                        SnapshotFolder.open(away),
                        new BitSet(),
                        folder.resolve("larger")),
                "give one of such a machine");
        assertThat(folder.resolve("larger")).doesNotExist();
    }

    @Test
    void areFound_whenTheyWereMovedWithTheirBase() throws IOException {
        Path first = Files.createDirectory(folder.resolve("first"));
        SnapshotFolder whole = whole("first/whole");
        ram.write(5, 9);
        diff(whole, "first/diff");
        Path second = folder.resolve("second");
        Files.move(first, second);

        assertThat(content(SnapshotFolder.open(second.resolve("diff")))).isEqualTo(ram.bytes());
    }

    @Test
    void areNotVerifiedOrMerged_whenTheBaseIsDamaged() throws IOException {
        ram.write(1000, 1);
        SnapshotFolder whole = whole("whole");
        ram.write(5, 9);
        SnapshotFolder diff = diff(whole, "diff");
        try (RandomAccessFile file =
                new RandomAccessFile(whole.path().resolve("memory").toFile(), "rw")) {
            file.seek(1000 * PAGE_SIZE);
            file.write(1);
        }
        assertRefused(diff::verify, "is damaged between bytes 0x300000 and 0x400000");
        assertRefused(() -> diff.merge(folder.resolve("merged")), "is damaged");
        assertThat(folder.resolve("merged")).doesNotExist();
    }

    @Test
    void standOnALimitedNumberOfOthers() {
        SnapshotFolder last = whole("0");
        for (int i = 1; i < 128; i++) last = diff(last, String.valueOf(i), new BitSet());
        SnapshotFolder longest = SnapshotFolder.open(last.path());
        assertRefused(() -> diff(longest, "more", new BitSet()), "a chain of 128, the longest that there is: merge it");
        Snapshot.open(longest.merge(folder.resolve("merged")).path()).verify();
    }
}
