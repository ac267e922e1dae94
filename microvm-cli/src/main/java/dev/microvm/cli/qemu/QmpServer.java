package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.cli.json.JsonText;
import java.io.IOException;
import java.time.temporal.ChronoField;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** QMP at a character device: docs/interop/qmp-spec.rst of QEMU. */
final class QmpServer implements Channel.User {
    private final Channel channel;
    private final QmpCommands commands;
    private final Control control;
    private final boolean pretty;
    private final JsonFrames frames = new JsonFrames();
    private volatile boolean negotiated;

    QmpServer(Channel channel, Control control, boolean pretty) {
        this.channel = channel;
        this.control = control;
        this.commands = new QmpCommands(control);
        this.pretty = pretty;
        control.listen(this::event);
    }

    @Override
    public void connected() throws IOException {
        frames.reset();
        negotiated = false;
        send(Map.of("QMP", ordered("version", QmpCommands.version(), "capabilities", List.of())));
    }

    @Override
    public void disconnected() {
        negotiated = false;
    }

    @Override
    public void input(byte[] bytes, int length) throws IOException {
        for (String text : frames.add(bytes, length)) answer(text);
    }

    private void answer(String text) throws IOException {
        Object value;
        try {
            value = JsonText.read(text);
        } catch (IllegalArgumentException e) {
            send(error(null, "GenericError", "JSON parse error, " + e.getMessage()));
            return;
        }
        if (!(value instanceof Map<?, ?> request)) {
            send(error(null, "GenericError", "QMP input must be a JSON object"));
            return;
        }
        @Nullable Object id = request.get("id");
        if (!(request.get("execute") instanceof String name)) {
            send(error(id, "GenericError", "QMP input lacks member 'execute'"));
            return;
        }
        if (!negotiated && !name.equals("qmp_capabilities")) {
            send(error(id, "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'"));
            return;
        }
        if (!commands.has(name) || (negotiated && name.equals("qmp_capabilities"))) {
            send(error(
                    id,
                    "CommandNotFound",
                    negotiated && name.equals("qmp_capabilities")
                            ? "Capabilities negotiation is already complete, command ignored"
                            : "The command " + name + " has not been found"));
            return;
        }
        Object given = request.containsKey("arguments") ? request.get("arguments") : Map.of();
        if (!(given instanceof Map<?, ?> arguments)) {
            send(error(id, "GenericError", "QMP input member 'arguments' must be an object"));
            return;
        }
        run(name, arguments, id);
    }

    private void run(String name, Map<?, ?> arguments, @Nullable Object id) throws IOException {
        Map<String, Object> answer;
        try {
            answer = ordered("return", commands.run(name, arguments));
            if (id != null) answer.put("id", id);
        } catch (RuntimeException e) {
            send(error(id, "GenericError", String.valueOf(e.getMessage())));
            return;
        }
        if (name.equals("qmp_capabilities")) negotiated = true;
        send(answer);
        if (name.equals("quit")) control.quit("host-qmp-quit");
    }

    private static Map<String, Object> error(@Nullable Object id, String kind, String text) {
        Map<String, Object> error = ordered("error", ordered("class", kind, "desc", text));
        if (id != null) error.put("id", id);
        return error;
    }

    private void event(Control.Event event) {
        if (!negotiated) return;
        Map<String, Object> message = new LinkedHashMap<>();
        message.put(
                "timestamp",
                ordered(
                        "seconds", event.at().getEpochSecond(),
                        "microseconds", event.at().get(ChronoField.MICRO_OF_SECOND)));
        message.put("event", event.name());
        if (!event.data().isEmpty()) message.put("data", event.data());
        try {
            send(message);
        } catch (IOException e) {
            // the peer has gone
        }
    }

    private void send(Map<String, Object> message) throws IOException {
        String text = pretty ? JsonText.indented(message) : JsonText.of(message);
        byte[] bytes = (text + "\r\n").getBytes(UTF_8);
        channel.write(bytes, 0, bytes.length);
    }

    /** Returns a map that keeps the order of its keys. */
    static Map<String, Object> ordered(Object... keysAndValues) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) map.put((String) keysAndValues[i], keysAndValues[i + 1]);
        return map;
    }
}
