package dev.microvm.machine;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The code of devices whose places a description keeps: by slot, or by place in a list. For one thread. */
public final class CodeByPlace<T> {
    private final Map<Integer, T> code = new HashMap<>();

    /** Holds no code yet. */
    public CodeByPlace() {}

    /**
     * Keeps the code of a device: for the first that equals {@code device} and has none, else for one behind all.
     *
     * @return whether the device is behind all, and must be added there
     */
    public <S> boolean put(List<S> all, S device, T given) {
        for (int place = 0; place < all.size(); place++) {
            if (!all.get(place).equals(device) || code.containsKey(place)) continue;
            code.put(place, given);
            return false;
        }
        return append(all, given);
    }

    /** Keeps the code of a device that must be added behind all; returns true. */
    public boolean append(List<?> all, T given) {
        code.put(all.size(), given);
        return true;
    }

    /** The code so far. */
    public Map<Integer, T> map() {
        return Map.copyOf(code);
    }
}
