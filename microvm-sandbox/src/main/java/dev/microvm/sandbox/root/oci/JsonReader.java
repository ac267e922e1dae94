package dev.microvm.sandbox.root.oci;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON, with a bounded depth. Throws {@link IllegalArgumentException} if a text is none.
 *
 * <p>Source: RFC 8259.
 */
final class JsonReader {
    private static final int MAX_DEPTH = 64; // objects and arrays inside each other
    private static final char END = '\0';
    private static final int HEX = 16;

    private final String text;
    private int at;
    private int depth;

    JsonReader(String text) {
        this.text = text;
    }

    /** Returns the value that is the whole text. */
    @Nullable
    Object document() {
        Object value = value();
        if (peek() != END || at < text.length()) throw unexpected();
        return value;
    }

    private @Nullable Object value() {
        char next = peek();
        if (next == '"') return string();
        if (next == '{' || next == '[') {
            if (++depth > MAX_DEPTH) throw new IllegalArgumentException("it is too deep");
            Object nested = next == '{' ? object() : array();
            depth--;
            return nested;
        }
        int start = at;
        while (at < text.length() && "+-.0123456789abcdefghijklmnopqrstuvwxyzE".indexOf(text.charAt(at)) >= 0) at++;
        String word = text.substring(start, at);
        return switch (word) {
            case "true" -> true;
            case "false" -> false;
            case "null" -> null;
            default -> number(word);
        };
    }

    private Object number(String word) {
        if (!word.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?")) throw unexpected();
        try {
            return Long.parseLong(word);
        } catch (NumberFormatException e) { // a fraction, or too large
            return Double.parseDouble(word);
        }
    }

    private Map<String, @Nullable Object> object() {
        Map<String, @Nullable Object> members = new HashMap<>();
        take('{');
        if (peek() != '}') {
            do {
                if (peek() != '"') throw unexpected();
                String name = string();
                take(':');
                members.put(name, value());
            } while (takes(','));
        }
        take('}');
        return members;
    }

    private List<@Nullable Object> array() {
        List<@Nullable Object> elements = new ArrayList<>();
        take('[');
        if (peek() != ']') {
            do {
                elements.add(value());
            } while (takes(','));
        }
        take(']');
        return elements;
    }

    private String string() {
        take('"');
        StringBuilder string = new StringBuilder();
        while (true) {
            char next = nextInString();
            if (next == '"') return string.toString();
            string.append(next == '\\' ? escaped() : next);
        }
    }

    private char nextInString() {
        if (at >= text.length() || text.charAt(at) < ' ') throw unexpected();
        return text.charAt(at++);
    }

    private char escaped() {
        char escape = nextInString();
        return switch (escape) {
            case '"', '\\', '/' -> escape;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unicode();
            default -> throw unexpected();
        };
    }

    private char unicode() {
        int code = 0;
        for (int i = 0; i < 4; i++) {
            int digit = Character.digit(nextInString(), HEX);
            if (digit < 0) throw unexpected();
            code = code * HEX + digit;
        }
        return (char) code;
    }

    /** Skips white space and returns the next character without taking it. */
    private char peek() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
        return at < text.length() ? text.charAt(at) : END;
    }

    private boolean takes(char wanted) {
        if (peek() != wanted) return false;
        at++;
        return true;
    }

    private void take(char wanted) {
        if (!takes(wanted)) throw unexpected();
    }

    private IllegalArgumentException unexpected() {
        return new IllegalArgumentException(
                at < text.length() ? "'%c' at character %d".formatted(text.charAt(at), at) : "it is cut short");
    }
}
