package dev.microvm.snapshot;

import java.nio.file.Path;
import java.util.BitSet;
import java.util.Random;

/** A program that writes snapshots of each kind into a folder, until it is killed. */
final class EndlessSnapshots {
    private static final int MOST = 8; // of each kind: they take room

    private EndlessSnapshots() {}

    /** Arguments: the folder. Prints a line when it begins. */
    public static void main(String[] arguments) {
        Path folder = Path.of(arguments[0]);
        RamSample ram = new RamSample();
        byte[] content = new byte[ram.bytes().length];
        new Random(1).nextBytes(content);
        ram.set(content);
        System.out.println("begins");
        for (int i = 0; i < MOST; i++) {
            SnapshotFolder whole = ram.whole(folder.resolve("whole" + i));
            ram.write(i, i);
            BitSet written = new BitSet();
            written.set(i);
            ram.diff(whole, written, folder.resolve("diff" + i)).pack(folder.resolve("packed" + i));
        }
    }
}
