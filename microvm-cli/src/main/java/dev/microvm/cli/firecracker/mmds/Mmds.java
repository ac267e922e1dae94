package dev.microvm.cli.firecracker.mmds;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.json.JsonText;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The content of the metadata service: a tree of JSON with sorted keys, which the host writes and
 * the guest reads. Any thread may call.
 */
public final class Mmds {
    private final int limit;

    // Guarded by this.
    private @Nullable Object content;
    private boolean initialized;
    private boolean secondVersion;
    private boolean imdsCompatible;

    /**
     * Makes one without content.
     *
     * @param limit the most bytes of its JSON
     */
    public Mmds(int limit) {
        this.limit = limit;
    }

    /**
     * Sets how it is read.
     *
     * @param version2 whether a token is needed
     * @param compatible whether the answer is always that of EC2's IMDS
     */
    public synchronized void configure(boolean version2, boolean compatible) {
        secondVersion = version2;
        imdsCompatible = compatible;
    }

    synchronized boolean needsToken() {
        return secondVersion;
    }

    /** Returns the whole content as {@code GET /mmds} shows it. */
    public synchronized Object content() {
        return content == null ? Map.of() : content;
    }

    /** Replaces the content. @throws ApiFault if it is too large */
    public synchronized void put(@Nullable Object value) {
        checkSize(value);
        content = value;
        initialized = true;
    }

    /** Merges a patch into the content: RFC 7396. @throws ApiFault if there is none, or it gets too large */
    public synchronized void patch(@Nullable Object patch) {
        if (!initialized) throw new ApiFault("MMDS error: The MMDS data store is not initialized.");
        Object merged = merged(content, patch);
        checkSize(merged);
        content = merged;
    }

    private void checkSize(@Nullable Object value) {
        if (JsonText.of(value).getBytes(UTF_8).length > limit) {
            throw new ApiFault(
                    ApiFault.PAYLOAD_TOO_LARGE, "MMDS limit exceeded error: The MMDS patch request doesn't fit.");
        }
    }

    private static @Nullable Object merged(@Nullable Object target, @Nullable Object patch) {
        if (!(patch instanceof Map<?, ?> changes)) return patch;
        Map<String, @Nullable Object> result = new TreeMap<>();
        if (target instanceof Map<?, ?> map) map.forEach((key, value) -> result.put(key.toString(), value));
        changes.forEach((key, value) -> {
            if (value == null) result.remove(key.toString());
            else result.put(key.toString(), merged(result.get(key.toString()), value));
        });
        return result;
    }

    /** What is at a place. */
    enum Kind {
        FOUND,
        NOT_FOUND,
        UNSUPPORTED
    }

    /** An answer, with a text if something was found. */
    record Found(Kind kind, String text) {}

    /**
     * Reads a place.
     *
     * @param path keys, each behind a slash; a slash at the end does not matter
     * @param json whether the answer is JSON; else a list of keys, or a string
     */
    synchronized Found find(String path, boolean json) {
        String pointer = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
        Optional<Object> place = at(pointer);
        if (place.isEmpty()) return new Found(Kind.NOT_FOUND, "");
        if (json && !imdsCompatible) return new Found(Kind.FOUND, JsonText.of(place.get()));
        return switch (place.get()) {
            case Map<?, ?> map -> new Found(Kind.FOUND, keys(map));
            case String text -> new Found(Kind.FOUND, text);
            default -> new Found(Kind.UNSUPPORTED, "");
        };
    }

    /** Follows a JSON pointer: RFC 6901. */
    private Optional<Object> at(String pointer) {
        Optional<Object> place = Optional.ofNullable(content);
        if (pointer.isEmpty()) return place;
        for (String each : pointer.substring(1).split("/", -1)) {
            String key = each.replace("~1", "/").replace("~0", "~");
            place = place.flatMap(now -> child(now, key));
        }
        return place;
    }

    private static Optional<Object> child(Object parent, String key) {
        return switch (parent) {
            case Map<?, ?> map -> Optional.ofNullable(map.get(key));
            case List<?> list
            when key.matches("0|[1-9]\\d{0,8}") && Integer.parseInt(key) < list.size() ->
                Optional.ofNullable(list.get(Integer.parseInt(key)));
            default -> Optional.empty();
        };
    }

    /** Lists keys, those of objects with a slash. */
    private static String keys(Map<?, ?> map) {
        return map.entrySet().stream()
                .map(each -> each.getKey() + (each.getValue() instanceof Map ? "/" : ""))
                .collect(Collectors.joining("\n"));
    }
}
