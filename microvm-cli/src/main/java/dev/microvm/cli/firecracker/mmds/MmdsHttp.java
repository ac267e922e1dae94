package dev.microvm.cli.firecracker.mmds;

import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/** Answers the requests of a guest, with the rules and texts of Firecracker's {@code mmds/mod.rs}. */
final class MmdsHttp {
    private static final String PATH_TO_TOKEN = "/latest/api/token";
    private static final String[] TOKEN = {"x-metadata-token", "x-aws-ec2-metadata-token"};
    private static final String TTL = "X-metadata-token-ttl-seconds";
    private static final String TTL_OF_EC2 = "X-aws-ec2-metadata-token-ttl-seconds";
    private static final String FORWARDED = "x-forwarded-for";

    private final Mmds mmds;
    private final TokenAuthority tokens;
    private final Consumer<String> counts;

    /**
     * Makes one.
     *
     * @param counts receives the name of a count to increase
     */
    MmdsHttp(Mmds mmds, TokenAuthority tokens, Consumer<String> counts) {
        this.mmds = mmds;
        this.tokens = tokens;
        this.counts = counts;
    }

    HttpResponse answer(HttpRequest request) {
        counts.accept("rx_count");
        if (request.path().isEmpty()) return HttpResponse.text(HttpResponse.BAD_REQUEST, "Invalid URI.");
        return switch (request.method()) {
            case "GET" -> get(request);
            case "PUT" -> put(request);
            default ->
                new HttpResponse(
                        HttpResponse.METHOD_NOT_ALLOWED, false, "Not allowed HTTP method.", "Allow: GET, PUT\r\n");
        };
    }

    private HttpResponse get(HttpRequest request) {
        Optional<String> token = request.header(TOKEN);
        boolean valid = token.isPresent() && tokens.isValid(token.get());
        if (!valid) counts.accept(token.isPresent() ? "rx_invalid_token" : "rx_no_token");
        if (valid || !mmds.needsToken()) return find(request);
        return HttpResponse.text(
                HttpResponse.UNAUTHORIZED,
                token.isPresent()
                        ? "MMDS token not valid."
                        : "No MMDS token provided. Use `X-metadata-token` or `X-aws-ec2-metadata-token` header to"
                                + " specify the session token.");
    }

    private HttpResponse find(HttpRequest request) {
        boolean json = request.header("accept").orElse("").equals("application/json");
        Mmds.Found found = mmds.find(sanitized(request.path()), json);
        return switch (found.kind()) {
            case FOUND -> new HttpResponse(HttpResponse.OK, json, found.text(), "");
            case NOT_FOUND -> notFound(request);
            case UNSUPPORTED ->
                HttpResponse.text(
                        HttpResponse.NOT_IMPLEMENTED, "Cannot retrieve value. The value has an unsupported type.");
        };
    }

    private static HttpResponse notFound(HttpRequest request) {
        return HttpResponse.text(HttpResponse.NOT_FOUND, "Resource not found: %s.".formatted(request.path()));
    }

    private static String sanitized(String path) {
        return path.replaceAll("/{2,}", "/");
    }

    private HttpResponse put(HttpRequest request) {
        if (request.header(FORWARDED).isPresent()) {
            return HttpResponse.text(
                    HttpResponse.BAD_REQUEST, "Invalid header. Reason: Unsupported header name. Key: " + FORWARDED);
        }
        if (!sanitized(request.path()).equals(PATH_TO_TOKEN)) return notFound(request);
        for (String name : new String[] {TTL, TTL_OF_EC2}) {
            Optional<String> seconds = request.header(name.toLowerCase(Locale.ROOT));
            if (seconds.isPresent()) return token(name, seconds.get());
        }
        return HttpResponse.text(
                HttpResponse.BAD_REQUEST,
                "Token time to live value not found. Use `X-metadata-token-ttl-seconds` or"
                        + " `X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's lifetime.");
    }

    private HttpResponse token(String header, String seconds) {
        if (!seconds.matches("\\d{1,9}")) {
            return HttpResponse.text(
                    HttpResponse.BAD_REQUEST,
                    "Invalid header. Reason: Invalid value. Key:%s; Value:%s".formatted(header, seconds));
        }
        long life = Long.parseLong(seconds);
        if (life < TokenAuthority.MIN_SECONDS || life > TokenAuthority.MAX_SECONDS) {
            return HttpResponse.text(
                    HttpResponse.BAD_REQUEST,
                    "Invalid time to live value provided for token: %d. Please provide a value".formatted(life)
                            + " between %d and %d.".formatted(TokenAuthority.MIN_SECONDS, TokenAuthority.MAX_SECONDS));
        }
        return new HttpResponse(HttpResponse.OK, false, tokens.generate(life), "%s: %d\r\n".formatted(header, life));
    }
}
