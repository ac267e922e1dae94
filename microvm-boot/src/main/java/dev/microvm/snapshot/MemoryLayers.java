package dev.microvm.snapshot;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;
import static java.nio.file.StandardOpenOption.READ;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * The RAM of a snapshot: the file of a whole one, and those of the snapshots above it, of which each
 * has the pages that differ from what is below. For one thread.
 */
final class MemoryLayers implements Closeable {
    /** Most bytes that are read at once: a buffer of the JVM has an int for its size. */
    private static final long MOST = 1 << 20;

    private final List<Layer> layers = new ArrayList<>(); // the whole one first

    private record Layer(FileChannel file, BitSet pages) {}

    /** Opens the whole one. */
    MemoryLayers(Path file) throws IOException {
        add(file, new BitSet());
    }

    /** Opens one more, on top. */
    MemoryLayers add(Path file, BitSet pages) throws IOException {
        try {
            layers.add(new Layer(FileChannel.open(file, READ), pages));
            return this;
        } catch (IOException e) {
            close();
            throw e;
        }
    }

    /** Reads RAM, from a position on that is a multiple of 4 KiB. */
    void read(long at, MemorySegment into) throws IOException {
        readAll(layers.getFirst().file, at, into);
        for (Layer each : layers.subList(1, layers.size())) readPages(each, at, into);
    }

    /** Puts the pages that the whole one does not have into RAM that has its content. */
    void complete(MemorySegment ram) throws IOException {
        for (int i = 1; i < layers.size(); i++) {
            BitSet seen = (BitSet) layers.get(i).pages.clone();
            for (Layer above : layers.subList(i + 1, layers.size())) seen.andNot(above.pages);
            readPages(new Layer(layers.get(i).file, seen), 0, ram);
        }
    }

    private static void readPages(Layer layer, long at, MemorySegment into) throws IOException {
        int first = Math.toIntExact(at / PAGE_SIZE);
        int end = Math.toIntExact((at + into.byteSize()) / PAGE_SIZE);
        for (int from = layer.pages.nextSetBit(first); from >= 0 && from < end; ) {
            int to = Math.min(end, layer.pages.nextClearBit(from));
            long start = (long) from * PAGE_SIZE;
            readAll(layer.file, start, into.asSlice(start - at, (long) (to - from) * PAGE_SIZE));
            from = layer.pages.nextSetBit(to);
        }
    }

    private static void readAll(FileChannel from, long at, MemorySegment into) throws IOException {
        for (long done = 0; done < into.byteSize(); ) {
            long size = Math.min(MOST, into.byteSize() - done);
            int count = from.read(into.asSlice(done, size).asByteBuffer(), at + done);
            if (count < 0) throw new IOException("the file became shorter");
            done += count;
        }
    }

    @Override
    public void close() throws IOException {
        for (Layer each : layers) each.file.close();
    }
}
