package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** QMP at a character device: docs/interop/qmp-spec.rst of QEMU. */
final class QmpServer implements Channel.User {
    private final Channel channel;
    private final QmpCommands commands;
    private final Control control;
    private final JsonMapper json;
    private final JsonFrames frames = new JsonFrames();
    private volatile boolean negotiated;

    QmpServer(Channel channel, Control control, boolean pretty) {
        this.channel = channel;
        this.control = control;
        this.commands = new QmpCommands(control);
        this.json = JsonMapper.builder()
                .configure(SerializationFeature.INDENT_OUTPUT, pretty)
                .build();
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
        JsonNode request;
        try {
            request = json.readTree(text);
        } catch (JacksonException e) {
            send(error(null, "GenericError", "JSON parse error, " + e.getOriginalMessage()));
            return;
        }
        @Nullable JsonNode id = request.get("id");
        if (!request.isObject() || !request.path("execute").isString()) {
            send(error(id, "GenericError", "QMP input lacks member 'execute'"));
            return;
        }
        String name = request.path("execute").asString();
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
        run(name, request.path("arguments"), id);
    }

    private void run(String name, JsonNode arguments, @Nullable JsonNode id) throws IOException {
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

    private static Map<String, Object> error(@Nullable JsonNode id, String kind, String text) {
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
                        "microseconds", TimeUnit.NANOSECONDS.toMicros(event.at().getNano())));
        message.put("event", event.name());
        if (!event.data().isEmpty()) message.put("data", event.data());
        try {
            send(message);
        } catch (IOException e) {
            // the peer has gone
        }
    }

    private void send(Map<String, Object> message) throws IOException {
        byte[] bytes = (json.writeValueAsString(message) + "\r\n").getBytes(UTF_8);
        channel.write(bytes, 0, bytes.length);
    }

    /** Returns a map that keeps the order of its keys. */
    static Map<String, Object> ordered(Object... keysAndValues) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) map.put((String) keysAndValues[i], keysAndValues[i + 1]);
        return map;
    }
}
