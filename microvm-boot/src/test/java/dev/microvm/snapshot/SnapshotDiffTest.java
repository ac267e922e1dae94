package dev.microvm.snapshot;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.MicroVm;
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
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots that have only what differs from others. */
final class SnapshotDiffTest {
    private static final int MIB = 16;
    private static final int PAGES = MIB << 20 >> 12;

    @TempDir
    private Path folder;

    private final byte[] ram = new byte[MIB << 20];

    private static MachineState state(int mib) {
        return new MachineState(
                MicroVm.builder().kernel(Path.of("/kernel")).memoryMiB(mib).spec(),
                "engine",
                Instant.EPOCH,
                OptionalLong.empty(),
                List.of(new SavedVcpu(List.of(), 0, VcpuStates.some())),
                new LinkedHashMap<>());
    }

    private SnapshotFolder whole(String name) {
        return withRam(segment -> SnapshotFolder.write(state(MIB), segment, folder.resolve(name)));
    }

    private SnapshotFolder diff(SnapshotFolder base, String name) {
        BitSet all = new BitSet();
        all.set(0, PAGES);
        return diff(base, name, all);
    }

    private SnapshotFolder diff(SnapshotFolder base, String name, BitSet candidates) {
        return withRam(
                segment -> SnapshotFolder.writeDiff(state(MIB), segment, base, candidates, folder.resolve(name)));
    }

    private interface Writing {
        SnapshotFolder write(MemorySegment ram);
    }

    /** Checksums are of memory outside of the heap, as that of machines is. */
    private SnapshotFolder withRam(Writing writing) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment segment = arena.allocate(ram.length, PAGE_SIZE);
            MemorySegment.copy(ram, 0, segment, ValueLayout.JAVA_BYTE, 0, ram.length);
            return writing.write(segment);
        }
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

    private void write(int page, int value) {
        ram[page * (int) PAGE_SIZE + 77] = (byte) value;
    }

    private static void assertRefused(ThrowingCallable action, String message) {
        assertThatExceptionOfType(SnapshotException.class).isThrownBy(action).withMessageContaining(message);
    }

    @Test
    void haveTheRamOfTheirMoment_howeverManyStandOnEachOther() throws IOException {
        Random random = new Random(Long.getLong("microvm.seed", 1));
        for (int page = 0; page < PAGES; page += 3) write(page, page);
        List<SnapshotFolder> chain = new ArrayList<>(List.of(whole("0")));
        List<byte[]> rams = new ArrayList<>(List.of(ram.clone()));
        for (int i = 1; i < 6; i++) {
            BitSet written = new BitSet();
            for (int left = 100; left > 0; left--) {
                int page = random.nextInt(PAGES);
                write(page, random.nextInt(3)); // some become zero, some what they were
                written.set(page);
            }
            chain.add(diff(chain.getLast(), String.valueOf(i), written));
            rams.add(ram.clone());
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
        byte[] before = ram.clone();
        write(3, 1);
        SnapshotFolder changed = diff(whole, "changed");
        System.arraycopy(before, 0, ram, 0, ram.length); // such as by a balloon, which gives pages back
        SnapshotFolder back = diff(changed, "back", new BitSet());

        assertThat(content(SnapshotFolder.open(back.path()))).isEqualTo(before);
    }

    @Test
    void takeRoomForWhatDiffers_andNoMore() throws IOException {
        for (int page = 0; page < PAGES; page++) write(page, 1);
        SnapshotFolder whole = whole("whole");
        write(5, 9);
        SnapshotFolder diff = diff(whole, "diff");

        try (RandomAccessFile file =
                new RandomAccessFile(diff.path().resolve("memory").toFile(), "r")) {
            byte[] found = new byte[ram.length];
            file.readFully(found);
            byte[] expected = new byte[ram.length];
            int at = 5 * (int) PAGE_SIZE;
            System.arraycopy(ram, at, expected, at, (int) PAGE_SIZE);
            assertThat(found).isEqualTo(expected);
        }
    }

    @Test
    void areRefused_whenTheBaseIsMissing_orAnother_orOfAnotherMachine() throws IOException {
        SnapshotFolder whole = whole("whole");
        write(5, 9);
        SnapshotFolder diff = diff(whole, "diff");
        Path away = folder.resolve("away");
        Files.move(whole.path(), away);
        assertRefused(() -> SnapshotFolder.open(diff.path()), "whole, which is missing: put that back there");
        whole("whole"); // of other RAM
        assertRefused(() -> SnapshotFolder.open(diff.path()), "where another snapshot is now");
        assertRefused(
                () -> SnapshotFolder.writeDiff(
                        state(MIB + 1),
                        Arena.ofAuto().allocate((MIB + 1) << 20, PAGE_SIZE),
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
        write(5, 9);
        diff(whole, "first/diff");
        Path second = folder.resolve("second");
        Files.move(first, second);

        assertThat(content(SnapshotFolder.open(second.resolve("diff")))).isEqualTo(ram);
    }

    @Test
    void areNotVerifiedOrMerged_whenTheBaseIsDamaged() throws IOException {
        write(1000, 1);
        SnapshotFolder whole = whole("whole");
        write(5, 9);
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
