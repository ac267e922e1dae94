package dev.microvm.engine.cpu;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Adds up the heap of all objects that one object leads to, by reflection. What all translations
 * share does not count: constants, and lambdas that capture nothing.
 */
final class DeepSize {
    private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Deque<Object> open = new ArrayDeque<>();

    private DeepSize() {}

    /** Returns the bytes that are reachable from {@code root}, but not from {@code shared}. */
    static long of(Object root, Object... shared) {
        DeepSize walk = new DeepSize();
        Collections.addAll(walk.seen, shared);
        walk.reach(root);
        long bytes = 0;
        while (!walk.open.isEmpty()) bytes += walk.visit(walk.open.remove());
        return bytes;
    }

    private void reach(@Nullable Object object) {
        if (object == null || object instanceof Enum || object instanceof Class) return;
        if (seen.add(object)) open.add(object);
    }

    private long visit(Object object) {
        Class<?> type = object.getClass();
        if (type.isArray()) return visitArray(object, type.getComponentType());
        boolean shared = type.isHidden();
        for (Class<?> each = type; each != null; each = each.getSuperclass()) {
            for (Field field : each.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers())) continue;
                shared = false;
                if (!field.getType().isPrimitive()) reach(read(object, field));
            }
        }
        return shared ? 0 : HeapSize.of(type);
    }

    private static @Nullable Object read(Object object, Field field) {
        try {
            field.setAccessible(true);
            return field.get(object);
        } catch (IllegalAccessException | RuntimeException e) {
            return null; // of the JDK, such as a list's array: too small to count
        }
    }

    private long visitArray(Object array, Class<?> component) {
        int length = Array.getLength(array);
        if (component.isPrimitive()) return HeapSize.ofArray(length, component == byte.class ? 1 : Long.BYTES);
        for (int i = 0; i < length; i++) reach(Array.get(array, i));
        return HeapSize.ofArray(length, HeapSize.REFERENCE);
    }
}
