package dev.microvm.cli.json;

import java.io.StringWriter;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** Writes JSON without spaces. */
public final class JsonText {
    /** What is written as another value. */
    @FunctionalInterface
    public interface Shown {
        /** Returns that value, of a type that {@link #of} takes. */
        Object shown();
    }

    private static final JsonFactory FACTORY = new JsonFactory();

    private JsonText() {}

    /**
     * Returns the text of a value.
     *
     * @param value {@link Shown}, a map with keys of type String, a list, a string, a number, a
     *     boolean, or null
     */
    public static String of(@Nullable Object value) {
        StringWriter text = new StringWriter();
        try (JsonGenerator to = FACTORY.createGenerator(ObjectWriteContext.empty(), text)) {
            write(value, to);
        }
        return text.toString();
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
