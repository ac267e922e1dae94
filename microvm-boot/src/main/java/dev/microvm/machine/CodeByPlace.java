package dev.microvm.machine;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The code of devices that a description lists, by their index in the list. For one thread. */
public final class CodeByPlace<T> {
    private final Map<Integer, T> code = new HashMap<>();

    /** Holds no code yet. */
    public CodeByPlace() {}

    /**
     * Keeps the code of a device: of the first in the list that equals {@code device} and has no
     * code, otherwise of one to append.
     *
     * @return whether the device must be appended to the list
     */
    public <S> boolean put(List<S> all, S device, T given) {
        for (int place = 0; place < all.size(); place++) {
            if (!all.get(place).equals(device) || code.containsKey(place)) continue;
            code.put(place, given);
            return false;
        }
        return append(all, given);
    }

    /** Keeps the code of a device to append to the list; returns true. */
    public boolean append(List<?> all, T given) {
        code.put(all.size(), given);
        return true;
    }

    /** Returns the code so far, by index. */
    public Map<Integer, T> map() {
        return Map.copyOf(code);
    }
}
