package dev.microvm.cli.firecracker;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.api.Reply;
import dev.microvm.cli.firecracker.api.Router;
import dev.microvm.cli.firecracker.vm.ApiLog;
import dev.microvm.cli.firecracker.vm.Instance;
import dev.microvm.cli.json.JsonText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** Firecracker's API on a Unix socket. */
final class ApiServer implements AutoCloseable {
    private static final int THREADS = 8;

    private final Instance instance;
    private final ApiLog log;
    private final int limit;
    private final Server server;

    private ApiServer(Instance instance, ApiLog log, int limit) {
        this.instance = instance;
        this.log = log;
        this.limit = limit;
        QueuedThreadPool threads = new QueuedThreadPool(THREADS, 1);
        threads.setName("fc_api");
        threads.setDaemon(true);
        server = new Server(threads);
        server.setStopAtShutdown(true); // removes the socket, also after a signal
    }

    /**
     * Listens.
     *
     * @param limit largest body in bytes
     * @throws IOException if the socket is there already, or cannot be made
     */
    static ApiServer listen(Path socket, Instance instance, ApiLog log, int limit) throws IOException {
        if (Files.exists(socket)) throw new IOException("it exists");
        ApiServer made = new ApiServer(instance, log, limit);
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setSendDateHeader(false);
        UnixDomainServerConnector connector =
                new UnixDomainServerConnector(made.server, 1, 1, new HttpConnectionFactory(http));
        connector.setUnixDomainPath(socket);
        made.server.addConnector(connector);
        made.server.setHandler(made.new Calls());
        try {
            made.server.start();
        } catch (Exception e) {
            made.close();
            throw new IOException(e.getMessage(), e);
        }
        log.info("API server started.");
        return made;
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) {
            log.error("The API server did not stop: " + e);
        }
    }

    /** Reads a request, has the instance serve it, and writes the reply. */
    private final class Calls extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) throws IOException {
            response.getHeaders().put(HttpHeader.SERVER, "Firecracker API");
            if (request.getLength() > limit) {
                write(tooLarge(request.getLength()), response, callback);
                return true;
            }
            byte[] body = Content.Source.asInputStream(request).readNBytes(limit);
            write(serve(request.getMethod(), request.getHttpURI().getPath(), body), response, callback);
            return true;
        }

        /** Returns the refusal of a body in the words of Firecracker's HTTP server, micro_http. */
        private Reply tooLarge(long size) {
            String why = ("Request payload with size %d is larger than the limit of %d allowed by server.\n"
                            + "All previous unanswered requests will be dropped.")
                    .formatted(size, limit);
            return new Reply(ApiFault.PAYLOAD_TOO_LARGE, "{ \"error\": %s }".formatted(JsonText.of(why)), "");
        }

        private Reply serve(String method, String path, byte[] body) {
            log.info("The API server received a %s request on \"%s\"%s."
                    .formatted(Router.titled(method), path, body.length == 0 ? "" : shown(path, body)));
            Reply reply = answer(method, path, body);
            if (reply.isRefusal()) {
                log.error("Received Error. Status code: %d. Message: %s".formatted(reply.status(), reply.body()));
            } else {
                log.info("The request was executed successfully. Status code: %s."
                        .formatted(reply.body().isEmpty() ? "204 No Content" : "200 OK"));
            }
            if (!reply.deprecation().isEmpty()) log.warn(reply.deprecation());
            return reply;
        }

        private Reply answer(String method, String path, byte[] body) {
            try {
                return instance.answer(method, path, body);
            } catch (RuntimeException e) { // a defect, which must not leave the client without an answer
                return Reply.of(new ApiFault("Internal VMM error: " + e));
            }
        }

        /** Returns the body for the log, which may not have the secrets of MMDS. */
        private String shown(String path, byte[] body) {
            return path.startsWith("/mmds") ? "" : " with body " + JsonText.of(new String(body, UTF_8));
        }

        private void write(Reply reply, Response response, Callback callback) {
            response.setStatus(reply.status());
            HttpFields.Mutable headers = response.getHeaders();
            if (!reply.deprecation().isEmpty()) headers.put("Deprecation", "true");
            if (reply.body().isEmpty()) {
                callback.succeeded();
                return;
            }
            byte[] body = reply.body().getBytes(UTF_8);
            headers.put(HttpHeader.CONTENT_TYPE, "application/json");
            headers.put(HttpHeader.CONTENT_LENGTH, body.length);
            response.write(true, ByteBuffer.wrap(body), callback);
        }
    }
}
