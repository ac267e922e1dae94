package dev.microvm.machine;

import dev.microvm.linux.MappedMemory;
import dev.microvm.linux.PageMap;
import dev.microvm.memory.RamBacking;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.BitSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The RAM that a machine continues with. Any number of machines may use one, at the same time, until
 * it is closed; one that nobody refers to any more is closed after a garbage collection. Any thread
 * may call.
 */
public final class RamImage implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();

    private final RamBacking backing;
    private final Consumer<MemorySegment> differences; // puts them into RAM that has the backing's content
    private final Held held;
    private final Cleaner.Cleanable cleanable;

    private RamImage(RamBacking backing, Consumer<MemorySegment> differences, Held held) {
        this.backing = backing;
        this.differences = differences;
        this.held = held;
        this.cleanable = CLEANER.register(this, held);
    }

    /** What an image needs until it is closed. */
    private static final class Held implements Runnable {
        private final @Nullable FrozenRam base;
        private final @Nullable Arena arena;
        private boolean closed; // guarded by this

        Held(@Nullable FrozenRam base, @Nullable Arena arena) {
            this.base = base;
            this.arena = arena;
        }

        /** The caller holds the lock. */
        void requireOpen() {
            if (closed) throw new IllegalStateException("the fork is closed: start its machines before");
        }

        @Override
        public synchronized void run() {
            closed = true;
            if (base != null) base.letGo();
            if (arena != null) arena.close();
        }
    }

    /** Returns RAM that is what it is made from. */
    public static RamImage of(RamBacking backing) {
        return of(backing, ram -> {});
    }

    /**
     * Returns RAM that differs from what it is made from.
     *
     * @param differences puts what differs into RAM that was made from {@code backing}
     */
    public static RamImage of(RamBacking backing, Consumer<MemorySegment> differences) {
        return new RamImage(backing, differences, new Held(null, null));
    }

    /**
     * Takes RAM that is what it is made from, apart from some pages, which are copied.
     *
     * @param base that {@code backing} is, if it is a file in memory: the image holds it too
     * @param own pages that differ
     */
    static RamImage of(RamBacking backing, @Nullable FrozenRam base, MemorySegment ram, BitSet own) {
        Arena arena = own.isEmpty() ? null : Arena.ofShared();
        try {
            MemorySegment content = arena == null ? MemorySegment.NULL : copy(own, ram, arena);
            if (base != null) base.hold();
            return new RamImage(backing, to -> copyBack(content, own, to), new Held(base, arena));
        } catch (RuntimeException | Error e) {
            if (arena != null) arena.close();
            throw e;
        }
    }

    private static MemorySegment copy(BitSet own, MemorySegment ram, Arena arena) {
        long size = PageMap.pageSize();
        MemorySegment content = MappedMemory.anonymous(own.cardinality() * size, arena);
        long at = 0;
        for (int from = own.nextSetBit(0); from >= 0; ) {
            int end = own.nextClearBit(from);
            MemorySegment.copy(ram, from * size, content, at, (end - from) * size);
            at += (end - from) * size;
            from = own.nextSetBit(end);
        }
        return content;
    }

    private static void copyBack(MemorySegment content, BitSet pages, MemorySegment ram) {
        long size = PageMap.pageSize();
        long at = 0;
        for (int from = pages.nextSetBit(0); from >= 0; ) {
            int end = pages.nextClearBit(from);
            MemorySegment.copy(content, at, ram, from * size, (end - from) * size);
            at += (end - from) * size;
            from = pages.nextSetBit(end);
        }
    }

    /** Returns what the RAM is made from. */
    public RamBacking backing() {
        return backing;
    }

    /**
     * Holds the file in memory that the RAM is made from for one more user, who lets it go; null if
     * it is none.
     *
     * @throws IllegalStateException if this is closed
     */
    @Nullable
    FrozenRam holdBase() {
        synchronized (held) {
            held.requireOpen();
            if (held.base != null) held.base.hold();
            return held.base;
        }
    }

    /**
     * Changes RAM that was made from {@link #backing} to what it must be.
     *
     * @throws IllegalStateException if this is closed
     */
    void complete(MemorySegment ram) {
        synchronized (held) {
            held.requireOpen();
            differences.accept(ram);
        }
    }

    /**
     * Maps this RAM, for as long as the arena lives.
     *
     * @throws IllegalStateException if this is closed
     */
    MemorySegment map(long size, Arena arena) {
        if (!(backing instanceof RamBacking.PrivateOf copy))
            throw new IllegalStateException("not of a file: " + backing);
        MemorySegment ram = MappedMemory.privateOf(copy.file(), size, arena);
        complete(ram);
        return ram;
    }

    /**
     * Does nothing if it is open.
     *
     * @throws IllegalStateException if it is closed
     */
    public void requireOpen() {
        synchronized (held) {
            held.requireOpen();
        }
    }

    /** Frees what it needs; machines that continue with it keep what they have. */
    @Override
    public void close() {
        cleanable.clean();
    }
}
