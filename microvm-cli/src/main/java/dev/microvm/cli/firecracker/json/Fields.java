package dev.microvm.cli.firecracker.json;

import dev.microvm.cli.json.JsonText;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The values of an object, by key. Immutable. */
public final class Fields implements JsonText.Shown {
    private final Shape shape;
    private final Map<String, Object> values;

    Fields(Shape shape, Map<String, Object> values) {
        this.shape = shape;
        this.values = new LinkedHashMap<>(values);
    }

    /** Returns an object without values. */
    public static Fields none(Shape shape) {
        return new Fields(shape, Map.of());
    }

    /** Whether no key has a value. */
    public boolean isEmpty() {
        return values.isEmpty();
    }

    /** Whether it is an object of that shape. */
    public boolean isOf(Shape other) {
        return shape == other;
    }

    /** Whether the key has a value. */
    public boolean has(String key) {
        return values.containsKey(key);
    }

    /** Returns the same with another value for a key. */
    public Fields with(String key, Object value) {
        Map<String, Object> changed = new LinkedHashMap<>(values);
        changed.put(key, value);
        return new Fields(shape, changed);
    }

    /** Returns the same with all values of another object of the same shape. */
    public Fields with(Fields others) {
        Map<String, Object> changed = new LinkedHashMap<>(values);
        changed.putAll(others.values);
        return new Fields(shape, changed);
    }

    /** Returns the value of a key, or what its absence means; null if that is nothing. */
    private @Nullable Object get(String key) {
        Object value = values.get(key);
        if (value != null) return value;
        return Objects.requireNonNull(shape.key(key), key).absent();
    }

    /** Returns a string that is there, or has a default. */
    public String text(String key) {
        return (String) Objects.requireNonNull(get(key), key);
    }

    /** Returns a string, if it is there. */
    public Optional<String> maybeText(String key) {
        return Optional.ofNullable((String) get(key));
    }

    /** Returns a number that is there, or has a default. */
    public long number(String key) {
        return (Long) Objects.requireNonNull(get(key), key);
    }

    /** Returns a number as an {@code int}, at most the largest one. */
    public int integer(String key) {
        return (int) Math.min(Integer.MAX_VALUE, number(key));
    }

    /** Returns a flag; false if it is not there and has no default. */
    public boolean flag(String key) {
        return get(key) instanceof Boolean flag && flag;
    }

    /** Returns an object, if it is there. */
    public Optional<Fields> fields(String key) {
        return get(key) instanceof Fields fields ? Optional.of(fields) : Optional.empty();
    }

    /** Returns a value of any type, if it is there. */
    public Optional<Object> value(String key) {
        return Optional.ofNullable(get(key));
    }

    /** Returns the objects of a list; none if it is not there. */
    public List<Fields> list(String key) {
        return get(key) instanceof List<?> list
                ? list.stream().map(Fields.class::cast).toList()
                : List.of();
    }

    /** Returns the strings of a list; none if it is not there. */
    public List<String> texts(String key) {
        return get(key) instanceof List<?> list
                ? list.stream().map(String.class::cast).toList()
                : List.of();
    }

    /** Returns what is shown of it, in the order of the shape. */
    @Override
    public Map<String, @Nullable Object> shown() {
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        for (Shape.Key key : shape.keys()) {
            Object value = get(key.name());
            if (value != null || !key.hidden()) all.put(key.name(), value);
        }
        return all;
    }

    @Override
    public String toString() {
        return JsonText.of(this);
    }
}
