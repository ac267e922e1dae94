package dev.microvm.cli.firecracker.json;

/** Thrown if a text is no JSON, or not of the expected shape; its message is that of serde_json. */
public final class JsonFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Makes a fault without a place in the text. */
    public JsonFault(String message) {
        super(message);
    }

    JsonFault(String message, int line, int column) {
        super("%s at line %d column %d".formatted(message, line, column));
    }
}
