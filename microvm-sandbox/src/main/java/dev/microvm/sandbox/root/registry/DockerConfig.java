package dev.microvm.sandbox.root.registry;

import dev.microvm.sandbox.root.oci.Json;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;

/**
 * Logins as Docker keeps them: in {@code config.json}, or by a helper {@code docker-credential-NAME}
 * that it names.
 *
 * <p>Source: Docker's documentation, "docker login", "Credential stores" and "Credential helpers".
 */
public final class DockerConfig {
    private static final int MAX_ANSWER = 1 << 20; // bytes of a helper
    private static final String FOLDER_VARIABLE = "DOCKER_CONFIG";

    private final Path file;

    /** Describes the configuration in a file, which may be missing. */
    public DockerConfig(Path file) {
        this.file = file;
    }

    /** Returns that of this user: in {@code $DOCKER_CONFIG}, or {@code ~/.docker}. */
    public static DockerConfig standard() {
        String folder = System.getenv(FOLDER_VARIABLE);
        Path place = folder == null || folder.isEmpty()
                ? Path.of(System.getProperty("user.home"), ".docker")
                : Path.of(folder);
        return new DockerConfig(place.resolve("config.json"));
    }

    /**
     * Returns the login for a registry; empty if there is none.
     *
     * @throws RootContentException if the configuration or its helper cannot be used
     */
    Optional<Login> login(String registry) {
        if (!Files.exists(file)) return Optional.empty();
        Json config;
        try {
            config = Json.parse(file.toString(), Files.readAllBytes(file));
        } catch (IOException e) {
            throw new RootContentException(file + " cannot be read: " + e, "make it readable, or remove it", e);
        }
        String helper = config.get("credHelpers").get(registry).text();
        if (!helper.isEmpty()) return fromHelper(helper, registry);
        Optional<Login> kept = kept(config.get("auths").get(registry));
        String store = config.get("credsStore").text();
        return kept.isPresent() || store.isEmpty() ? kept : fromHelper(store, registry);
    }

    private Optional<Login> kept(Json entry) {
        String token = entry.get("identitytoken").text();
        if (!token.isEmpty()) return Optional.of(new Login("", token, /* isToken= */ true));
        String auth = entry.get("auth").text();
        if (auth.isEmpty()) return Optional.empty();
        try {
            String pair = new String(Base64.getDecoder().decode(auth), StandardCharsets.UTF_8);
            int colon = pair.indexOf(':');
            if (colon < 0) throw new IllegalArgumentException("no colon");
            return Optional.of(new Login(pair.substring(0, colon), pair.substring(colon + 1), /* isToken= */ false));
        } catch (IllegalArgumentException e) {
            throw new RootContentException(file + " has an auth that is none", "log in again: docker login", e);
        }
    }

    /** Asks a helper; if it fails, there is no login, which is what most say so. */
    private static Optional<Login> fromHelper(String name, String registry) {
        if (!name.matches("[A-Za-z0-9._-]+")) {
            throw new RootContentException(
                    "'%s' is no name of a credential helper".formatted(name), "correct config.json");
        }
        String program = "docker-credential-" + name;
        try {
            Process process = new ProcessBuilder(program, "get")
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            try (OutputStream out = process.getOutputStream()) {
                out.write(registry.getBytes(StandardCharsets.UTF_8));
            }
            byte[] answer = process.getInputStream().readNBytes(MAX_ANSWER);
            if (process.waitFor() != 0) return Optional.empty();
            Json login = Json.parse(program, answer);
            String user = login.get("Username").text();
            return Optional.of(new Login(user, login.get("Secret").text(), user.equals(Login.TOKEN_USER)));
        } catch (IOException e) {
            throw new RootContentException(program + " cannot be run: " + e, "install it, or correct config.json", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RootContentException(program + " was interrupted", "try again", e);
        }
    }
}
