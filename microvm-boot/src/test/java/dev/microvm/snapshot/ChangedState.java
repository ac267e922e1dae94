package dev.microvm.snapshot;

import dev.microvm.state.DeviceState;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A state in which some values are others, as bytes say; also in the states that are part of it. */
final class ChangedState {
    /** Bytes that describe a change. */
    static final int SCRIPT = 16;

    private static final long[] CORNERS = {
        0, 1, -1, 0xff, 0x7fff, 0xffff, Integer.MAX_VALUE, Integer.MIN_VALUE, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE
    };

    private ChangedState() {}

    static DeviceState of(DeviceState intact, ByteBuffer script) {
        DeviceState state = intact;
        for (int at = 0; at + SCRIPT <= script.limit(); at += SCRIPT) state = change(state, script.slice(at, SCRIPT));
        return state;
    }

    private static DeviceState change(DeviceState state, ByteBuffer choices) {
        List<String> names = List.copyOf(state.fields());
        if (names.isEmpty()) return state;
        if (next(choices) % 4 != 0) names = statesAmong(names);
        String name = names.get((next(choices) << 8 | next(choices)) % names.size());
        Optional<DeviceState> inner = inner(state, name);
        if (inner.isPresent())
            return copy(state, "").put(name, change(inner.get(), choices).encode());
        int how = next(choices);
        if (how % 32 == 0) return copy(state, name);
        DeviceState changed = copy(state, "");
        long value = how % 2 == 0 ? CORNERS[next(choices) % CORNERS.length] : number(choices);
        if (state.numbers().containsKey(name)) return changed.put(name, value);
        int length = how % 8 < 2 ? (int) (value & 0xfff) : -1; // else it stays
        try {
            byte[] bytes = state.bytes(name);
            if (length >= 0) bytes = Arrays.copyOf(bytes, length);
            else if (bytes.length > 0) bytes[(int) (value >>> 8 & 0xffff) % bytes.length] = (byte) value;
            return changed.put(name, bytes);
        } catch (IllegalArgumentException e) { // it is a list
            long[] list = state.numbers(name);
            if (length >= 0) list = Arrays.copyOf(list, length);
            else if (list.length > 0) list[next(choices) % list.length] = value;
            return changed.put(name, list);
        }
    }

    /** Of the fields of a manifest, those of devices and vCPUs, which are few. */
    private static List<String> statesAmong(List<String> names) {
        List<String> states = names.stream()
                .filter(name -> name.startsWith("device.") || name.startsWith("vcpu."))
                .toList();
        return states.isEmpty() ? names : states;
    }

    private static Optional<DeviceState> inner(DeviceState state, String name) {
        try {
            return Optional.of(DeviceState.decode(state.bytes(name)));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static int next(ByteBuffer choices) {
        return choices.hasRemaining() ? choices.get() & 0xff : 0;
    }

    private static long number(ByteBuffer choices) {
        return choices.remaining() >= Long.BYTES ? choices.getLong() : next(choices);
    }

    /** Returns a copy without one field. */
    private static DeviceState copy(DeviceState state, String without) {
        DeviceState copy = new DeviceState(state.type(), state.version());
        for (String name : state.fields()) {
            if (name.equals(without)) continue;
            if (state.numbers().containsKey(name)) copy.put(name, state.number(name));
            else putOther(copy, name, state);
        }
        return copy;
    }

    private static void putOther(DeviceState copy, String name, DeviceState state) {
        try {
            copy.put(name, state.bytes(name));
        } catch (IllegalArgumentException e) {
            copy.put(name, state.numbers(name));
        }
    }
}
