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

    /** Returns why it is deprecated, in the words of Firecracker's log; empty if it is not. */
    public String deprecation() {
        return switch (call) {
            case PUT_MACHINE_CONFIG, PATCH_MACHINE_CONFIG -> deprecatedBy("cpu_template");
            case PUT_VSOCK -> deprecatedBy("vsock_id");
            case PUT_MMDS_CONFIG ->
                body.text("version").equals("V1") ? "PUT /mmds/config: V1 is deprecated. Use V2 instead." : "";
            case PUT_SNAPSHOT_LOAD ->
                body.has("mem_file_path") || body.flag("enable_diff_snapshots")
                        ? "PUT /snapshot/load: mem_file_path and enable_diff_snapshots fields are deprecated."
                        : "";
            default -> "";
        };
    }

    private String deprecatedBy(String key) {
        return body.has(key) ? "%s %s: %s field is deprecated.".formatted(call.method(), call.path(), key) : "";
    }

    /** Refuses a body that has the right shape, but not the right values. */
    ApiFault refuse(String why) {
        return new ApiFault(DESERIALIZING + why + ".");
    }
}
