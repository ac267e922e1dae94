package dev.microvm.cli.firecracker.mmds;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;

/**
 * An answer to a guest.
 *
 * @param status of HTTP
 * @param json whether the body is JSON; else text
 * @param body may be empty
 * @param headers lines that end with CR and LF; may be empty
 */
record HttpResponse(int status, boolean json, String body, String headers) {
    static final int OK = 200;
    static final int BAD_REQUEST = 400;
    static final int UNAUTHORIZED = 401;
    static final int NOT_FOUND = 404;
    static final int METHOD_NOT_ALLOWED = 405;
    static final int NOT_IMPLEMENTED = 501;

    /** Returns an answer in text. */
    static HttpResponse text(int status, String body) {
        return new HttpResponse(status, false, body, "");
    }

    /** Returns it as it is sent. */
    byte[] bytes(boolean lasts) {
        byte[] content = body.getBytes(UTF_8);
        String head = ("HTTP/1.1 %d %s\r\nServer: Firecracker API\r\nConnection: %s\r\nContent-Type: %s\r\n"
                        + "%sContent-Length: %d\r\n\r\n")
                .formatted(
                        status,
                        reason(),
                        lasts ? "keep-alive" : "close",
                        json ? "application/json" : "text/plain",
                        headers,
                        content.length);
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(head.getBytes(UTF_8));
        all.writeBytes(content);
        return all.toByteArray();
    }

    private String reason() {
        return switch (status) {
            case OK -> "OK";
            case BAD_REQUEST -> "Bad Request";
            case UNAUTHORIZED -> "Unauthorized";
            case NOT_FOUND -> "Not Found";
            case METHOD_NOT_ALLOWED -> "Method Not Allowed";
            default -> "Not Implemented";
        };
    }
}
