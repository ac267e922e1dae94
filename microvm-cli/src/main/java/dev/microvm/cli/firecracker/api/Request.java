package dev.microvm.cli.firecracker.api;

import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cli.firecracker.json.JsonFault;
import dev.microvm.cli.firecracker.json.JsonReader;
import dev.microvm.cli.firecracker.json.Shape;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A call with its body.
 *
 * @param call which one
 * @param body its fields; without fields if the call has none
 * @param tree any JSON, of a call whose body has no shape
 */
public record Request(Call call, Fields body, @Nullable Object tree) {
    private static final String DESERIALIZING = "An error occurred when deserializing the json body of a request: ";

    /** Refuses null. */
    public Request {
        Objects.requireNonNull(call, "call");
        Objects.requireNonNull(body, "body");
    }

    static Request of(Call call) {
        return new Request(call, Fields.none(Shape.named("")), null);
    }

    /** Reads the body. @throws ApiFault if it does not have the shape of the call */
    static Request of(Call call, byte[] text) {
        Shape shape = call.body();
        try {
            return shape == null
                    ? new Request(call, Fields.none(Shape.named("")), JsonReader.readTree(text))
                    : new Request(call, JsonReader.read(text, shape), null);
        } catch (JsonFault e) {
            throw new ApiFault(DESERIALIZING + e.getMessage() + ".");
        }
    }

    /** Refuses a body that has the right shape, but not the right values. */
    ApiFault refuse(String why) {
        return new ApiFault(DESERIALIZING + why + ".");
    }
}
