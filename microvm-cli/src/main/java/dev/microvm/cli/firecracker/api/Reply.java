package dev.microvm.cli.firecracker.api;

import dev.microvm.cli.json.JsonText;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a call returns.
 *
 * @param status of HTTP
 * @param body JSON; empty for none
 * @param deprecation why the call is deprecated; empty if it is not
 */
public record Reply(int status, String body, String deprecation) {
    private static final int OK = 200;
    private static final int NO_CONTENT = 204;

    /** Success without content. */
    public static final Reply DONE = new Reply(NO_CONTENT, "", "");

    /** Success with a value: see {@link JsonText#of}. */
    public static Reply of(@Nullable Object value) {
        return new Reply(OK, JsonText.of(value), "");
    }

    /** The answer to a call that is refused. */
    public static Reply of(ApiFault fault) {
        return new Reply(fault.status(), JsonText.of(Map.of("fault_message", message(fault))), "");
    }

    /** The same for a call that Firecracker has deprecated. */
    public Reply deprecated(String why) {
        return new Reply(status, body, why);
    }

    /** Whether the call was refused. */
    public boolean isRefusal() {
        return status != OK && status != NO_CONTENT;
    }

    private static String message(Exception fault) {
        String message = fault.getMessage();
        return message == null ? fault.toString() : message;
    }
}
