package dev.microvm.sandbox.root.oci;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A value of a JSON document from somewhere else. What is missing, or of another type than the
 * reader wants, is empty; only a document that is no JSON is an error.
 */
public final class Json {
    private static final Json MISSING = new Json(null);

    private final @Nullable Object value; // Map, List, String, Long, Double, Boolean; null

    private Json(@Nullable Object value) {
        this.value = value;
    }

    /**
     * Reads a document in UTF-8.
     *
     * @param what it is, for the message
     * @throws RootContentException if it is no JSON
     */
    public static Json parse(String what, byte[] document) {
        try {
            return new Json(new JsonReader(new String(document, StandardCharsets.UTF_8)).document());
        } catch (IllegalArgumentException e) {
            throw new RootContentException(what + " is no JSON: " + e.getMessage(), "make or fetch it again", e);
        }
    }

    /** Returns a member of an object. */
    public Json get(String name) {
        return value instanceof Map<?, ?> members ? new Json(members.get(name)) : MISSING;
    }

    /** Returns whether there is nothing. */
    public boolean isMissing() {
        return value == null;
    }

    /** Returns a text; empty if it is none. */
    public String text() {
        return value instanceof String text ? text : "";
    }

    /** Returns a whole number; {@code byDefault} if it is none. */
    public long number(long byDefault) {
        return value instanceof Long number ? number : byDefault;
    }

    /** Returns the elements of an array, each by {@code read}; none if it is no array. */
    public <T> List<T> list(Function<Json, T> read) {
        if (!(value instanceof List<?> elements)) return List.of();
        return elements.stream().map(element -> read.apply(new Json(element))).toList();
    }

    /** Returns the texts of an array. */
    public List<String> texts() {
        return list(Json::text);
    }
}
