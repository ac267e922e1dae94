package dev.microvm.cli.firecracker.vm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.ConsoleTarget;
import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.api.Reply;
import dev.microvm.cli.firecracker.api.Router;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;

/** An instance, and calls of it without HTTP. */
final class ApiDriver implements AutoCloseable {
    private final ByteArrayOutputStream log = new ByteArrayOutputStream();
    private final Instance instance = new Instance(new Settings(
            "test",
            ConsoleTarget.buffer(),
            new ApiLog("test", new PrintStream(log, true, UTF_8)),
            false,
            Settings.DEFAULT_LIMIT));

    Reply call(String method, String path, String body) {
        try {
            return instance.handle(method, Router.route(method, path, body.getBytes(UTF_8)));
        } catch (ApiFault e) {
            return Reply.of(e);
        }
    }

    /** Puts what must be accepted. */
    void put(String path, String body) {
        assertThat(call("PUT", path, body)).as(path).isEqualTo(Reply.DONE);
    }

    /** Gets what must be there. */
    String get(String path) {
        Reply reply = call("GET", path, "");
        assertThat(reply.status()).as(reply.body()).isEqualTo(200);
        return reply.body();
    }

    /** Makes a call that must be refused, and returns why. */
    String refused(String method, String path, String body) {
        Reply reply = call(method, path, body);
        assertThat(reply.status()).as(reply.body()).isEqualTo(400);
        assertThat(reply.body()).startsWith("{\"fault_message\":\"").endsWith("\"}");
        return reply.body()
                .substring("{\"fault_message\":\"".length(), reply.body().length() - 2);
    }

    String log() {
        return log.toString(UTF_8);
    }

    @Override
    public void close() {
        instance.close();
    }
}
