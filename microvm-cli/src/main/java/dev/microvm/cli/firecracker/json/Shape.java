package dev.microvm.cli.firecracker.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonToken;

/**
 * The keys that an object may have. Immutable; each method returns a changed copy.
 *
 * <p>It is read as serde reads a structure with {@code deny_unknown_fields}: the first fault in the
 * order of the text is reported, an unknown or repeated key is one, and a missing key comes last.
 */
public final class Shape {
    /**
     * A key.
     *
     * @param name in the text
     * @param type of its value
     * @param required whether it must be there
     * @param nullable whether its value may be null, which is the same as not being there
     * @param absent what is shown for it if it is not there; null for null
     * @param hidden whether it is not shown if it is not there
     * @param remark for the documentation
     */
    public record Key(
            String name,
            Type type,
            boolean required,
            boolean nullable,
            @Nullable Object absent,
            boolean hidden,
            String remark) {
        /** Returns the same with a remark. */
        Key remark(String text) {
            return new Key(name, type, required, nullable, absent, hidden, text);
        }
    }

    private final String name;
    private final List<Key> keys;
    private final boolean open;

    private Shape(String name, List<Key> keys, boolean open) {
        this.name = name;
        this.keys = List.copyOf(keys);
        this.open = open;
    }

    /** Returns a shape without keys. The name is that of Firecracker's structure. */
    public static Shape named(String name) {
        return new Shape(name, List.of(), false);
    }

    /** Returns the same that also accepts unknown keys, and passes over them. */
    public Shape open() {
        return new Shape(name, keys, true);
    }

    /** Adds a key that must be there. */
    public Shape required(String key, Type type) {
        return with(new Key(key, type, true, false, null, false, ""));
    }

    /** Adds a key that may be missing or null. */
    public Shape optional(String key, Type type) {
        return with(new Key(key, type, false, true, null, false, ""));
    }

    /** Adds a key that may be missing or null, and is then shown with a value. */
    public Shape optional(String key, Type type, Object absent) {
        return with(new Key(key, type, false, true, absent, false, ""));
    }

    /** Adds a key that may be missing or null, and is then not shown. */
    public Shape hidden(String key, Type type) {
        return with(new Key(key, type, false, true, null, true, ""));
    }

    /** Adds a key that may be missing, but not null, and has a value then. */
    public Shape defaulted(String key, Type type, Object absent) {
        return with(new Key(key, type, false, false, absent, false, ""));
    }

    /** Adds a remark on the last key, for the documentation. */
    public Shape remark(String text) {
        List<Key> all = new ArrayList<>(keys);
        all.set(all.size() - 1, all.getLast().remark(text));
        return new Shape(name, all, open);
    }

    private Shape with(Key key) {
        List<Key> all = new ArrayList<>(keys);
        all.add(key);
        return new Shape(name, all, open);
    }

    /** Returns the name of Firecracker's structure. */
    public String name() {
        return name;
    }

    /** Returns the keys in their order. */
    public List<Key> keys() {
        return keys;
    }

    /** Returns the key of a name; null if there is none. */
    @Nullable
    Key key(String wanted) {
        for (Key each : keys) if (each.name().equals(wanted)) return each;
        return null;
    }

    /** Reads the reader's current value. */
    Fields read(JsonReader in) {
        if (in.token() != JsonToken.START_OBJECT) throw in.wrongType("struct " + name);
        Map<String, Object> values = new LinkedHashMap<>();
        List<String> seen = new ArrayList<>();
        while (in.next() == JsonToken.PROPERTY_NAME) {
            String found = in.string();
            Key key = key(found);
            if (key == null) {
                if (!open) throw in.fault(unknown(found));
                in.next();
                in.skip();
                continue;
            }
            if (seen.contains(found)) throw in.fault("duplicate field `%s`".formatted(found));
            seen.add(found);
            in.next();
            if (!key.nullable() || in.token() != JsonToken.VALUE_NULL)
                values.put(found, key.type().read(in));
        }
        for (Key key : keys) {
            if (key.required() && !values.containsKey(key.name())) {
                throw in.fault("missing field `%s`".formatted(key.name()));
            }
        }
        return new Fields(this, values);
    }

    private String unknown(String found) {
        List<String> names = keys.stream().map(Key::name).toList();
        return "unknown field `%s`, %s"
                .formatted(found, names.isEmpty() ? "there are no fields" : "expected " + oneOf(names));
    }

    /** Lists names as serde does. */
    static String oneOf(List<String> names) {
        if (names.size() == 1) return "`" + names.getFirst() + "`";
        if (names.size() == 2) return "`%s` or `%s`".formatted(names.get(0), names.get(1));
        return names.stream().collect(Collectors.joining("`, `", "one of `", "`"));
    }
}
