package dev.microvm.devices.legacy;

import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Drives a {@link Rig} as a string of bytes says: accesses of a guest, leaps of time, events from
 * outside. What is asserted is that nothing is thrown and the rig's own checks hold; and, from a
 * moment that the script chooses, that a second rig, restored from the first one's state, behaves
 * as the first.
 */
final class RigScript {
    private static final int MOST_BYTES = 4096;
    private static final long[] ORIGINS = {0, -1_000_000_000L, Long.MAX_VALUE - 10_000_000_000L, 12_345_678_901L};
    private static final int STEPS_BETWEEN_SAVES = 16;
    private static final int LARGEST_LEAP = 46; // power of two, in nanoseconds: most of a day

    private final byte[] bytes;
    private final Function<FuzzClock, Rig> maker;
    private final FuzzClock clock;
    private final Rig rig;
    private final int timersOfRig;
    private @Nullable Rig twin;
    private boolean wallClockWasSet;
    private int at;

    private RigScript(byte[] bytes, Function<FuzzClock, Rig> maker) {
        this.bytes = bytes;
        this.maker = maker;
        this.clock = new FuzzClock(ORIGINS[next() % ORIGINS.length]);
        this.rig = maker.apply(clock);
        this.timersOfRig = clock.timers();
    }

    /** Carries out a script, or the first 4,096 bytes of it. */
    static void run(byte[] bytes, Function<FuzzClock, Rig> maker) {
        new RigScript(bytes, maker).run();
    }

    /** Scripts to begin with; always the same ones. */
    static Stream<byte[]> samples() {
        Random random = new Random(0x16550);
        return Stream.generate(() -> {
                    byte[] bytes = new byte[random.nextInt(1, 2048)];
                    random.nextBytes(bytes);
                    return bytes;
                })
                .limit(40);
    }

    private void run() {
        for (int steps = 0; at < Math.min(bytes.length, MOST_BYTES); steps++) {
            int step = next();
            switch (step & 0xf) {
                case 0, 1, 2, 3 -> read();
                case 4, 5, 6, 7, 8, 9 -> write();
                case 10, 11 -> clock.leap((long) (0x100 | next()) << (next() % (LARGEST_LEAP - 8)) >> 8);
                case 12, 13, 14 -> event();
                default -> {
                    if ((step & 0x30) == 0) makeTwin();
                    else if ((step & 0x30) == 0x10) setWallClock();
                }
            }
            rig.check();
            compareOutside();
            if (steps % STEPS_BETWEEN_SAVES == 0) compareStates();
        }
        compareStates();
        makeTwin();
    }

    private void read() {
        Access access = access();
        long value = readFrom(rig, access);
        if (twin != null && readFrom(twin, access) != value) {
            throw new AssertionError("restored device reads otherwise at window %d, offset 0x%x"
                    .formatted(access.window, access.offset));
        }
    }

    private static long readFrom(Rig from, Access access) {
        long value = from.windows().get(access.window).device().read(access.offset, access.size);
        return access.size == Long.BYTES ? value : value & ((1L << (8 * access.size)) - 1);
    }

    private void write() {
        Access access = access();
        long value = 0;
        for (int i = 0; i < access.size; i++) value |= (long) next() << (8 * i);
        rig.windows().get(access.window).device().write(access.offset, access.size, value);
        if (twin != null) twin.windows().get(access.window).device().write(access.offset, access.size, value);
    }

    private void event() {
        int what = next();
        int argument = next() | (next() << 8);
        rig.event(what, argument);
        if (twin != null) twin.event(what, argument);
    }

    /** Puts a new rig in the twin's place. */
    private void makeTwin() {
        clock.keepTimers(timersOfRig);
        Rig fresh = maker.apply(clock);
        fresh.surroundAs(rig);
        List<Stateful> parts = rig.parts();
        for (int i = 0; i < parts.size(); i++) {
            DeviceState state = parts.get(i).save();
            DeviceState decoded = DeviceState.decode(state.encode());
            if (!decoded.equals(state)) throw new AssertionError("decoded " + decoded + " from " + state);
            fresh.parts().get(i).restore(decoded);
        }
        twin = fresh;
        compareOutside();
        compareStates();
        if (wallClockWasSet) twin = null;
    }

    /**
     * From then on a restored device may notice earlier than the first, whose timer runs by the old
     * time.
     */
    private void setWallClock() {
        clock.setWallClock((byte) next() << (next() & 0x1f));
        wallClockWasSet = true;
        twin = null;
    }

    private void compareOutside() {
        if (twin == null) return;
        if (!twin.outside().equals(rig.outside())) {
            throw new AssertionError("restored: " + twin.outside() + ", first: " + rig.outside());
        }
    }

    private void compareStates() {
        if (twin == null) return;
        for (int i = 0; i < rig.parts().size(); i++) {
            DeviceState state = rig.parts().get(i).save();
            DeviceState other = twin.parts().get(i).save();
            if (!other.equals(state)) throw new AssertionError("restored: " + other + ", first: " + state);
        }
    }

    /** One access of a guest, as a bus lets it through: it lies inside the window. */
    private record Access(int window, int offset, int size) {}

    private Access access() {
        int which = next();
        int window = (which >> 2) % rig.windows().size();
        int range = rig.windows().get(window).range();
        int size = 1 << (which & 3);
        while (size > range) size >>= 1;
        int offset = (next() | (range > 0x100 ? next() << 8 : 0)) % (range - size + 1);
        return new Access(window, offset, size);
    }

    /** The next byte, 0 to 0xff; 0 beyond the end. */
    private int next() {
        return at < bytes.length ? Byte.toUnsignedInt(bytes[at++]) : 0;
    }
}
