package dev.microvm.backend.disk;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Reads a JSON object into names and texts. What is in an inner object gets the names of both, with
 * a point between: {@code {"file":{"filename":"x"}}} and {@code {"file.filename":"x"}} are the same,
 * as they are for QEMU. Values that are not texts are left out. Arrays are not understood.
 */
final class FlatJson {
    private final String text;
    private final Map<String, String> values = new HashMap<>();
    private int at;

    private FlatJson(String text) {
        this.text = text;
    }

    /** Returns the texts of an object; empty if it is not one that is understood. */
    static Optional<Map<String, String>> read(String text) {
        FlatJson json = new FlatJson(text);
        try {
            json.object("");
            return json.peek() == END ? Optional.of(json.values) : Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static final char END = '\0';

    /** Skips white space and returns the next character without taking it. */
    private char peek() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) at++;
        return at < text.length() ? text.charAt(at) : END;
    }

    private boolean takes(char wanted) {
        if (peek() != wanted) return false;
        at++;
        return true;
    }

    private void take(char wanted) {
        if (!takes(wanted)) throw new IllegalArgumentException(wanted + " expected at " + at);
    }

    private void object(String prefix) {
        take('{');
        if (takes('}')) return;
        do {
            String name = prefix + string();
            take(':');
            switch (peek()) {
                case '{' -> object(name + ".");
                case '"' -> values.put(name, string());
                default -> scalar();
            }
        } while (takes(','));
        take('}');
    }

    /** Skips a number, true, false or null. */
    private void scalar() {
        int start = at;
        while (at < text.length()
                && (Character.isLetterOrDigit(text.charAt(at)) || "+-.".indexOf(text.charAt(at)) >= 0)) {
            at++;
        }
        if (at == start) throw new IllegalArgumentException("a value expected at " + at);
    }

    private String string() {
        take('"');
        StringBuilder value = new StringBuilder();
        while (next() != '"') {
            char character = text.charAt(at - 1);
            value.append(character == '\\' ? escaped() : character);
        }
        return value.toString();
    }

    private char next() {
        if (at >= text.length()) throw new IllegalArgumentException("it ends in a text");
        return text.charAt(at++);
    }

    /** RFC 8259, section 7. */
    private char escaped() {
        char letter = next();
        return switch (letter) {
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                if (at + 4 > text.length()) throw new IllegalArgumentException("it ends in a text");
                at += 4;
                yield (char) Integer.parseInt(text, at - 4, at, 16);
            }
            default -> letter; // a quotation mark, \ or /
        };
    }
}
