package dev.microvm.cli.firecracker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.ConsoleTarget;
import dev.microvm.cli.firecracker.vm.ApiLog;
import dev.microvm.cli.firecracker.vm.Instance;
import dev.microvm.cli.firecracker.vm.Settings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The API by HTTP. */
final class ApiServerTest {
    private static final int LIMIT = 100;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final ApiLog log = new ApiLog("test", new PrintStream(output, true, UTF_8));
    private final Instance instance =
            new Instance(new Settings("test", ConsoleTarget.buffer(), log, false, Settings.DEFAULT_LIMIT));

    @SuppressWarnings("NullAway.Init")
    private Path socket;

    @SuppressWarnings("NullAway.Init")
    private ApiServer server;

    @BeforeEach
    void listen(@TempDir Path folder) throws IOException {
        socket = folder.resolve("api.sock");
        server = ApiServer.listen(socket, instance, log, LIMIT);
    }

    @AfterEach
    void close() {
        server.close();
        instance.close();
    }

    private String call(String method, String path, String body) throws IOException {
        return UnixHttp.call(socket, method, path, body);
    }

    @Test
    void answersWithAValue() throws IOException {
        assertThat(call("GET", "/version", ""))
                .startsWith("HTTP/1.1 200 OK\r\n")
                .contains("Server: Firecracker API\r\n", "Content-Type: application/json\r\n")
                .endsWith("\r\n\r\n{\"firecracker_version\":\"" + Instance.FIRECRACKER_VERSION + "\"}");
    }

    @Test
    void answersWithoutContent_andLogs() throws IOException {
        assertThat(call("PUT", "/machine-config", "{\"vcpu_count\": 2, \"mem_size_mib\": 64}"))
                .startsWith("HTTP/1.1 204 No Content\r\n")
                .endsWith("\r\n\r\n");
        assertThat(output.toString(UTF_8))
                .contains("The API server received a Put request on \"/machine-config\" with body")
                .contains("The request was executed successfully. Status code: 204 No Content.");
    }

    @Test
    void answersWithAFault() throws IOException {
        assertThat(call("PUT", "/machine-config", "{}"))
                .startsWith("HTTP/1.1 400 Bad Request\r\n")
                .endsWith("{\"fault_message\":\"An error occurred when deserializing the json body of a request:"
                        + " missing field `vcpu_count` at line 1 column 2.\"}");
    }

    @Test
    void marksDeprecatedCalls() throws IOException {
        assertThat(call("PATCH", "/machine-config", "{\"vcpu_count\": 1, \"cpu_template\": \"None\"}"))
                .startsWith("HTTP/1.1 204")
                .contains("Deprecation: true\r\n");
    }

    @Test
    void refusesWhatIsTooLarge() throws IOException {
        assertThat(call("PUT", "/mmds", " ".repeat(LIMIT + 1)))
                .startsWith("HTTP/1.1 413 ")
                .endsWith("{ \"error\": \"Request payload with size 101 is larger than the limit of 100 allowed by"
                        + " server.\\nAll previous unanswered requests will be dropped.\" }");
    }

    @Test
    void doesNotTakeASocketThatIsThere() {
        assertThatThrownBy(() -> ApiServer.listen(socket, instance, log, LIMIT)).isInstanceOf(IOException.class);
    }

    @Test
    void removesItsSocket() {
        server.close();

        assertThat(Files.exists(socket)).isFalse();
    }
}
