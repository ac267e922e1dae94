package dev.microvm.cli.firecracker.json;

import dev.microvm.cli.json.JsonText;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.exc.UnexpectedEndOfInputException;
import tools.jackson.core.json.JsonFactory;

/**
 * Reads JSON token by token. Jackson finds the tokens; this class names the place of a fault as
 * serde_json does, in bytes from the begin of the line.
 */
public final class JsonReader {
    private static final int DEEPEST = 128; // serde_json's limit of recursion

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(DEEPEST).build())
            .build();

    private final byte[] text;
    private final JsonParser parser;
    private @Nullable JsonToken token;

    private JsonReader(byte[] text) {
        this.text = text;
        parser = FACTORY.createParser(ObjectReadContext.empty(), text);
    }

    /** Reads a text that has the given shape. @throws JsonFault if it has not */
    public static Fields read(byte[] text, Shape shape) {
        return (Fields) read(text, new Type.Structure(shape));
    }

    /** Reads a text that is one value of the given type. @throws JsonFault if it is not */
    public static Object read(byte[] text, Type type) {
        JsonReader reader = new JsonReader(text);
        reader.next();
        Object value = type.read(reader);
        reader.expectEnd();
        return value;
    }

    /** Reads any text: maps that are sorted by key, lists, strings, numbers, booleans, null. */
    public static @Nullable Object readTree(byte[] text) {
        JsonReader reader = new JsonReader(text);
        reader.next();
        Object value = reader.tree();
        reader.expectEnd();
        return value;
    }

    /** Goes to the next token, which must be there. */
    JsonToken next() {
        JsonToken found = advance();
        if (found == null) throw endOfText("a value");
        return found;
    }

    private @Nullable JsonToken advance() {
        try {
            token = parser.nextToken();
            if (token == JsonToken.VALUE_STRING) parser.getString(); // Jackson reads it lazily
            return token;
        } catch (UnexpectedEndOfInputException e) {
            throw endOfText(unfinished(e));
        } catch (JacksonException e) {
            throw syntaxFault(e);
        }
    }

    JsonToken token() {
        return Objects.requireNonNull(token, "no token was read");
    }

    /** Returns the current name, string, or number as it is in the text. */
    String string() {
        return parser.getString();
    }

    BigInteger integer() {
        return parser.getBigIntegerValue();
    }

    /** Passes over the current value. */
    void skip() {
        int depth = 0;
        while (true) {
            if (token().isStructStart()) depth++;
            else if (token().isStructEnd()) depth--;
            if (depth == 0) return;
            next();
        }
    }

    /** Refuses anything but spaces behind the value that was read. */
    private void expectEnd() {
        int next = end();
        while (next < text.length && text[next] <= ' ') next++;
        if (next < text.length) throw at("trailing characters", next + 1);
    }

    /** Reads the current value, whatever it is. */
    @Nullable
    Object tree() {
        return switch (token()) {
            case START_OBJECT -> {
                Map<String, @Nullable Object> object = new TreeMap<>();
                while (next() == JsonToken.PROPERTY_NAME) {
                    String key = string();
                    next();
                    object.put(key, tree());
                }
                yield object;
            }
            case START_ARRAY -> {
                List<@Nullable Object> array = new ArrayList<>();
                while (next() != JsonToken.END_ARRAY) array.add(tree());
                yield array;
            }
            case VALUE_NUMBER_INT -> integer();
            case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> string();
        };
    }

    // ---- faults

    /** Makes a fault behind the current token, or before it if that opens an array or an object. */
    JsonFault fault(String message) {
        return at(message, end());
    }

    /** Whether a whole number has no 64 bits: serde_json then reads it as floating point. */
    boolean isBeyondIntegers() {
        return integer().bitLength() > (integer().signum() < 0 ? Long.SIZE - 1 : Long.SIZE);
    }

    private String floatingPoint() {
        double nearest = integer().doubleValue();
        return "floating point `" + new BigDecimal(Double.toString(nearest)).toPlainString() + ".0`";
    }

    /** Makes the fault for a value of another type. */
    JsonFault wrongType(String expected) {
        String found = switch (token()) {
            case VALUE_STRING -> "string " + JsonText.of(string());
            case VALUE_NUMBER_INT -> isBeyondIntegers() ? floatingPoint() : "integer `" + string() + "`";
            case VALUE_NUMBER_FLOAT -> "floating point `" + string() + "`";
            case VALUE_TRUE, VALUE_FALSE -> "boolean `" + string() + "`";
            case VALUE_NULL -> "null";
            case START_ARRAY -> "sequence";
            default -> "map";
        };
        return fault("invalid type: %s, expected %s".formatted(found, expected));
    }

    private JsonFault endOfText(String unfinished) {
        return at("EOF while parsing " + unfinished, text.length);
    }

    private String unfinished(UnexpectedEndOfInputException e) {
        if (e.getOriginalMessage().contains("VALUE_STRING")
                || e.getOriginalMessage().contains("name")) return "a string";
        if (lastVisible(text.length) == ':') return "a value";
        return parser.streamReadContext().inArray() ? "a list" : "an object";
    }

    private JsonFault syntaxFault(JacksonException e) {
        TokenStreamLocation place = e.getLocation();
        int offset = (int) (place == null ? parser.currentLocation() : place).getByteOffset();
        return at(syntax(e.getOriginalMessage(), offset), offset + 1);
    }

    /** Translates Jackson's message. */
    private String syntax(String message, int offset) {
        boolean closes = offset < text.length && (text[offset] == '}' || text[offset] == ']');
        if (closes && lastVisible(offset) == ',') return "trailing comma";
        if (message.contains("start property name")) return "key must be a string";
        if (message.contains("separate Object")) return "expected `,` or `}`";
        if (message.contains("separate Array")) return "expected `,` or `]`";
        if (message.contains("colon")) return "expected `:`";
        if (message.contains("numeric")) return "invalid number";
        if (message.contains("control char") || message.contains("CTRL-CHAR"))
            return "control character (\\u0000-\\u001F) found while parsing a string";
        if (message.contains("escape")) return "invalid escape";
        if (message.contains("nesting depth")) return "recursion limit exceeded";
        return "expected value";
    }

    /** Returns the last character before a place that is no space; 0 if there is none. */
    private int lastVisible(int before) {
        for (int i = Math.min(before, text.length) - 1; i >= 0; i--) if (text[i] > ' ') return text[i];
        return 0;
    }

    private int start() {
        return (int) parser.currentTokenLocation().getByteOffset();
    }

    private int end() {
        int start = start();
        return switch (token()) {
            case PROPERTY_NAME, VALUE_STRING -> endOfString(start);
            case START_ARRAY, START_OBJECT -> start;
            default -> start + string().length();
        };
    }

    private int endOfString(int start) {
        for (int i = start + 1; i < text.length; i++) {
            if (text[i] == '\\') i++;
            else if (text[i] == '"') return i + 1;
        }
        return text.length;
    }

    private JsonFault at(String message, int end) {
        int line = 1;
        int begin = 0;
        for (int i = 0; i < Math.min(end, text.length); i++) {
            if (text[i] != '\n') continue;
            line++;
            begin = i + 1;
        }
        return new JsonFault(message, line, Math.min(end, text.length) - begin);
    }
}
