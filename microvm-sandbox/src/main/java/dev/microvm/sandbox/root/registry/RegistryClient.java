package dev.microvm.sandbox.root.registry;

import dev.microvm.sandbox.root.oci.Json;
import dev.microvm.sandbox.root.oci.OciImage;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;

/** Asks a registry for the parts of one image. Any thread may use it. */
final class RegistryClient {
    private static final Duration PATIENCE = Duration.ofSeconds(60); // for the first byte of an answer
    private static final int MAX_DOCUMENT = 4 << 20; // bytes
    private static final int MAX_REDIRECTS = 5;
    private static final int OK = 200;
    private static final int UNAUTHORIZED = 401;
    private static final int FORBIDDEN = 403;
    private static final int NOT_FOUND = 404;
    private static final int TOO_MANY_REQUESTS = 429;

    private final HttpClient http = HttpClient.newBuilder()
            .connectTimeout(PATIENCE)
            .followRedirects(HttpClient.Redirect.NEVER) // the client's own would take the login along
            .build();
    private final ImageName name;
    private final DockerConfig logins;
    private volatile String authorization = ""; // header for the registry

    RegistryClient(ImageName name, DockerConfig logins) {
        this.name = name;
        this.logins = logins;
    }

    /** Returns the document of a tag or digest. */
    byte[] manifest(String reference) throws IOException {
        try (InputStream in = get(name.resource("manifests", reference), String.join(",", OciImage.mediaTypes()))) {
            byte[] document = in.readNBytes(MAX_DOCUMENT + 1);
            if (document.length > MAX_DOCUMENT) {
                throw new RootContentException("its manifest has more than 4 MiB", "choose another image");
            }
            return document;
        }
    }

    /** Opens a blob. */
    InputStream blob(String digest) throws IOException {
        return get(name.resource("blobs", digest), "*/*");
    }

    private InputStream get(URI resource, String accept) throws IOException {
        HttpResponse<InputStream> response = follow(resource, accept);
        if (response.statusCode() == UNAUTHORIZED) {
            response.body().close();
            authorization = authorize(response);
            response = follow(resource, accept);
        }
        if (response.statusCode() == OK) return response.body();
        response.body().close();
        throw refused(response);
    }

    /** Sends a request and follows redirects, to other hosts without the login. */
    private HttpResponse<InputStream> follow(URI resource, String accept) throws IOException {
        URI at = resource;
        for (int i = 0; i <= MAX_REDIRECTS; i++) {
            HttpRequest.Builder request =
                    HttpRequest.newBuilder(at).timeout(PATIENCE).header("Accept", accept);
            boolean home = at.getScheme().equals(resource.getScheme())
                    && at.getAuthority().equals(resource.getAuthority());
            if (home && !authorization.isEmpty()) request.header("Authorization", authorization);
            HttpResponse<InputStream> response = send(request.build());
            Optional<String> location = response.headers().firstValue("Location");
            if (response.statusCode() / 100 != 3 || location.isEmpty()) return response;
            response.body().close();
            at = at.resolve(location.get());
            requireSafe(at, resource);
        }
        throw new RootContentException("%s redirects without end".formatted(resource), "ask who runs the registry");
    }

    /** Plain HTTP is for this host alone. */
    private static void requireSafe(URI to, URI from) {
        boolean safe =
                "https".equals(to.getScheme()) || ("http".equals(to.getScheme()) && "http".equals(from.getScheme()));
        if (!safe || to.getHost() == null) {
            throw new RootContentException(
                    "%s leads to %s, without TLS".formatted(from, to), "use a registry with TLS");
        }
    }

    private HttpResponse<InputStream> send(HttpRequest request) throws IOException {
        try {
            return http.send(request, BodyHandlers.ofInputStream());
        } catch (ConnectException e) {
            throw new RootContentException(
                    "%s cannot be reached".formatted(request.uri().getAuthority()),
                    "check its name and port, and the network of this host",
                    e);
        } catch (HttpTimeoutException e) {
            throw new RootContentException(
                    "%s does not answer".formatted(request.uri().getAuthority()), "try again later", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RootContentException("the pull was interrupted", "try again", e);
        }
    }

    /** Returns the header that a registry wants. */
    private String authorize(HttpResponse<InputStream> response) throws IOException {
        Challenge challenge = Challenge.of(response.headers()).orElseThrow(() -> refused(response));
        Optional<Login> login = logins.login(name.registry());
        if (challenge.isBasic()) {
            return login.orElseThrow(() -> refused(response)).basic();
        }
        URI realm = response.uri().resolve(challenge.get("realm"));
        requireSafe(realm, response.uri());
        String scope =
                challenge.get("scope").isEmpty() ? "repository:" + name.repository() + ":pull" : challenge.get("scope");
        String query = "service=" + encoded(challenge.get("service")) + "&scope=" + encoded(scope);
        return "Bearer " + token(realm, query, login);
    }

    private String token(URI realm, String query, Optional<Login> login) throws IOException {
        HttpRequest.Builder request;
        if (login.isPresent() && login.get().isToken()) { // Docker's "OAuth2 token authentication"
            String form = query + "&grant_type=refresh_token&client_id=microvm&refresh_token="
                    + encoded(login.get().secret());
            request = HttpRequest.newBuilder(realm)
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .POST(BodyPublishers.ofString(form));
        } else {
            String separator = realm.getRawQuery() == null ? "?" : "&";
            request = HttpRequest.newBuilder(URI.create(realm + separator + query));
            login.ifPresent(who -> request.header("Authorization", who.basic()));
        }
        HttpResponse<InputStream> response = send(request.timeout(PATIENCE).build());
        try (InputStream in = response.body()) {
            if (response.statusCode() != OK) throw refused(response);
            Json answer = Json.parse("the answer of " + realm.getHost(), in.readNBytes(MAX_DOCUMENT));
            String token = answer.get("token").text();
            return token.isEmpty() ? answer.get("access_token").text() : token;
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private RootContentException refused(HttpResponse<?> response) {
        String problem = "%s answers with status %d".formatted(response.uri().getAuthority(), response.statusCode());
        return switch (response.statusCode()) {
            case UNAUTHORIZED, FORBIDDEN ->
                new RootContentException(
                        problem + ": this user may not read " + name.repository(),
                        "log in: docker login " + name.registry());
            case NOT_FOUND -> new RootContentException(problem + ": there is no such image", "check its name and tag");
            case TOO_MANY_REQUESTS -> new RootContentException(problem + ": too many requests", "log in, or try later");
            default -> new RootContentException(problem, "try later, or ask who runs the registry");
        };
    }
}
