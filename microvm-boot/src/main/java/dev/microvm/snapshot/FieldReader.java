package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.state.DeviceState;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.NavigableSet;
import java.util.TreeSet;

/**
 * Reads named fields and remembers which, so that one that nobody knows is refused by its name. For
 * one thread.
 */
final class FieldReader {
    private final DeviceState fields;
    private final TreeSet<String> all;
    private final TreeSet<String> unread;

    FieldReader(DeviceState fields) {
        this.fields = fields;
        this.all = new TreeSet<>(fields.fields());
        this.unread = new TreeSet<>(all);
    }

    /** Whether there is a field of that name, or one of its parts: a name, a dot, and more. */
    boolean has(String name) {
        if (all.contains(name)) return true;
        String next = all.higher(name + ".");
        return next != null && next.startsWith(name + ".");
    }

    /** The names of the fields that begin with a prefix. */
    NavigableSet<String> startingWith(String prefix) {
        return all.subSet(prefix, true, prefix + Character.MAX_VALUE, false);
    }

    long number(String name) {
        unread.remove(name);
        return fields.number(name);
    }

    int integer(String name) {
        unread.remove(name);
        return fields.integer(name);
    }

    /** A number of things of which each has a field or more; not negative. */
    int count(String name) {
        int count = integer(name);
        if (count < 0 || count > all.size()) {
            throw new IllegalArgumentException("field %s = %d: more than there are fields".formatted(name, count));
        }
        return count;
    }

    byte[] bytes(String name) {
        unread.remove(name);
        return fields.bytes(name);
    }

    long[] numbers(String name) {
        unread.remove(name);
        return fields.numbers(name);
    }

    String text(String name) {
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes(name))).toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("field %s is no text".formatted(name), e);
        }
    }

    /** Throws {@link IllegalArgumentException} if a field was not read. */
    void requireAllRead() {
        if (unread.isEmpty()) return;
        throw new IllegalArgumentException(
                "%s version %d has unknown fields: %s".formatted(fields.type(), fields.version(), unread));
    }
}
