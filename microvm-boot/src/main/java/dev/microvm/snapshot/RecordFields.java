package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.state.DeviceState;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes records as named fields and reads them back: {@code memory.mib} is the component {@code
 * mib} of the component {@code memory}. The name of a class is written only for one of several that
 * a sealed interface permits, so no field can name a class of any other kind.
 *
 * <p>A component that is null has no field. A boolean without a field is false: an earlier version
 * lacked it. Lists and sets have {@code name.size} and {@code
 * name.0}; maps have {@code name.size}, {@code name.0.key} and {@code name.0.value}.
 */
final class RecordFields {
    private static final String KIND = ".kind";
    private static final String SIZE = ".size";
    private static final String KEY = ".key";
    private static final String VALUE = ".value";

    private RecordFields() {}

    /** Writes a value under a name. */
    static void write(DeviceState to, String name, Type type, @Nullable Object value) {
        if (value == null) return;
        Class<?> raw = raw(type);
        if (LeafFields.canWrite(raw)) {
            LeafFields.write(to, name, value);
        } else if (value instanceof Map<?, ?> map) {
            to.put(name + SIZE, map.size());
            int index = 0;
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                String at = name + "." + index++;
                write(to, at + KEY, argument(type, 0), entry.getKey());
                write(to, at + VALUE, argument(type, 1), entry.getValue());
            }
        } else if (value instanceof Collection<?> all) {
            to.put(name + SIZE, all.size());
            int index = 0;
            for (Object each : all) write(to, name + "." + index++, argument(type, 0), each);
        } else {
            if (raw.isSealed()) {
                to.put(name + KIND, value.getClass().getSimpleName().getBytes(UTF_8));
            }
            if (LeafFields.canWrite(value.getClass())) LeafFields.write(to, name, value);
            else writeRecord(to, name, value);
        }
    }

    private static void writeRecord(DeviceState to, String name, Object value) {
        RecordComponent[] components = value.getClass().getRecordComponents();
        if (components == null) throw new IllegalStateException("no form for " + value.getClass());
        for (RecordComponent each : components) {
            try {
                write(
                        to,
                        name + "." + each.getName(),
                        each.getGenericType(),
                        each.getAccessor().invoke(value));
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("cannot read " + each, e);
            }
        }
    }

    /**
     * Reads a value that {@link #write} wrote; null if it has no fields.
     *
     * @throws IllegalArgumentException if a field is missing or not of its type, or a record
     *     refuses it
     */
    static @Nullable Object read(FieldReader from, String name, Type type) {
        if (!from.has(name)) return null;
        Class<?> raw = raw(type);
        if (LeafFields.canWrite(raw)) return LeafFields.read(from, name, raw);
        if (raw == Map.class) return readMap(from, name, type);
        if (raw == List.class || raw == Set.class) {
            List<Object> all = new ArrayList<>();
            int size = from.count(name + SIZE);
            for (int i = 0; i < size; i++) all.add(required(from, name + "." + i, argument(type, 0)));
            return raw == List.class ? List.copyOf(all) : Set.copyOf(all);
        }
        Class<?> kind = raw.isSealed() ? permitted(raw, from.text(name + KIND)) : raw;
        if (LeafFields.canWrite(kind)) return LeafFields.read(from, name, kind);
        return readRecord(from, name, kind);
    }

    private static Map<Object, Object> readMap(FieldReader from, String name, Type type) {
        Map<Object, Object> map = new LinkedHashMap<>();
        int size = from.count(name + SIZE);
        for (int i = 0; i < size; i++) {
            String at = name + "." + i;
            map.put(required(from, at + KEY, argument(type, 0)), required(from, at + VALUE, argument(type, 1)));
        }
        return map;
    }

    private static Object required(FieldReader from, String name, Type type) {
        Object value = read(from, name, type);
        if (value == null) throw new IllegalArgumentException("no field " + name);
        return value;
    }

    private static Class<?> permitted(Class<?> sealed, String kind) {
        for (Class<?> each : sealed.getPermittedSubclasses()) {
            if (each.getSimpleName().equals(kind)) return each;
        }
        throw new IllegalArgumentException("unknown kind of %s: %s".formatted(sealed.getSimpleName(), kind));
    }

    private static Object readRecord(FieldReader from, String name, Class<?> kind) {
        RecordComponent[] components = kind.getRecordComponents();
        if (components == null) throw new IllegalStateException("no form for " + kind);
        Class<?>[] types = new Class<?>[components.length];
        @Nullable Object[] values = new @Nullable Object[components.length];
        for (int i = 0; i < components.length; i++) {
            types[i] = components[i].getType();
            String at = name + "." + components[i].getName();
            Type type = components[i].getGenericType();
            if (types[i] == boolean.class && !from.has(at)) values[i] = false;
            else values[i] = types[i].isPrimitive() ? required(from, at, type) : read(from, at, type);
        }
        try {
            Constructor<?> constructor = kind.getDeclaredConstructor(types);
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Error error) throw error;
            throw new IllegalArgumentException("field %s: %s".formatted(name, e.getCause()), e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot make " + kind, e);
        }
    }

    private static Class<?> raw(Type type) {
        return type instanceof ParameterizedType generic ? (Class<?>) generic.getRawType() : (Class<?>) type;
    }

    private static Type argument(Type type, int index) {
        return ((ParameterizedType) type).getActualTypeArguments()[index];
    }
}
