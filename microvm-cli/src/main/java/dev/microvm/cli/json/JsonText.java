package dev.microvm.cli.json;

import java.io.StringWriter;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultPrettyPrinter;

/** Writes and reads JSON as maps, lists, strings, numbers and booleans. */
public final class JsonText {
    /** What is written as another value. */
    @FunctionalInterface
    public interface Shown {
        /** Returns that value, of a type that {@link #of} takes. */
        Object shown();
    }

    private static final JsonFactory FACTORY = new JsonFactory();

    /** Writes a line for each member of an object. */
    private static final class Indented extends ObjectWriteContext.Base {
        @Override
        public PrettyPrinter getPrettyPrinter() {
            return new DefaultPrettyPrinter(); // has the depth: one for each text
        }

        @Override
        public boolean hasPrettyPrinter() {
            return true;
        }
    }

    private JsonText() {}

    /**
     * Returns the text of a value, without spaces.
     *
     * @param value {@link Shown}, a map with keys of type String, a list, a string, a number, a
     *     boolean, or null
     */
    public static String of(@Nullable Object value) {
        return written(value, ObjectWriteContext.empty());
    }

    /** The same with line ends and indentation, for people. */
    public static String indented(@Nullable Object value) {
        return written(value, new Indented());
    }

    private static String written(@Nullable Object value, ObjectWriteContext context) {
        StringWriter text = new StringWriter();
        try (JsonGenerator to = FACTORY.createGenerator(context, text)) {
            write(value, to);
        }
        return text.toString();
    }

    /**
     * Returns the value of a text: a map in the order of its keys, a list, a string, a {@link
     * BigInteger}, a double, a boolean, or null.
     *
     * @throws IllegalArgumentException if the text is not one JSON value; the message says why
     */
    public static @Nullable Object read(String text) {
        try (JsonParser from = FACTORY.createParser(ObjectReadContext.empty(), text)) {
            if (from.nextToken() == null) throw new IllegalArgumentException("there is no value");
            Object value = value(from);
            if (from.nextToken() != null) throw new IllegalArgumentException("there is more after the value");
            return value;
        } catch (JacksonException e) {
            throw new IllegalArgumentException(e.getOriginalMessage(), e);
        }
    }

    /** Reads the current value. */
    private static @Nullable Object value(JsonParser from) {
        return switch (from.currentToken()) {
            case START_OBJECT -> {
                Map<String, @Nullable Object> object = new LinkedHashMap<>();
                while (from.nextToken() == JsonToken.PROPERTY_NAME) {
                    String key = from.currentName();
                    from.nextToken();
                    object.put(key, value(from));
                }
                yield object;
            }
            case START_ARRAY -> {
                List<@Nullable Object> array = new ArrayList<>();
                while (from.nextToken() != JsonToken.END_ARRAY) array.add(value(from));
                yield array;
            }
            case VALUE_NUMBER_INT -> from.getBigIntegerValue();
            case VALUE_NUMBER_FLOAT -> from.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> from.getString();
        };
    }

    private static void write(@Nullable Object value, JsonGenerator to) {
        switch (value) {
            case null -> to.writeNull();
            case Shown other -> write(other.shown(), to);
            case Map<?, ?> map -> {
                to.writeStartObject();
                map.forEach((key, each) -> {
                    to.writeName(key.toString());
                    write(each, to);
                });
                to.writeEndObject();
            }
            case List<?> list -> {
                to.writeStartArray();
                for (Object each : list) write(each, to);
                to.writeEndArray();
            }
            case Boolean flag -> to.writeBoolean(flag);
            case BigInteger number -> to.writeNumber(number);
            case Double number -> to.writeNumber(number);
            case Number number -> to.writeNumber(number.longValue());
            default -> to.writeString(value.toString());
        }
    }
}
