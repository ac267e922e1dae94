package dev.microvm.cli;

import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** What {@code --json} prints. */
public final class Json {
    private Json() {}

    /** Returns maps, lists, records, enums and plain values as JSON, with line breaks. */
    public static String of(Object value) {
        return JsonMapper.builder()
                .enable(SerializationFeature.INDENT_OUTPUT)
                .build()
                .writeValueAsString(value);
    }
}
