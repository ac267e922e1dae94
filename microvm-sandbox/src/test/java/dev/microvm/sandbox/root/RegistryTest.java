package dev.microvm.sandbox.root;

import static dev.microvm.boot.testing.HostProgram.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.sandbox.root.cache.FileCache;
import dev.microvm.sandbox.root.oci.OciImage;
import dev.microvm.sandbox.root.oci.Platform;
import dev.microvm.sandbox.root.registry.DockerConfig;
import dev.microvm.sandbox.root.registry.ImageName;
import dev.microvm.sandbox.root.registry.RegistryBlobs;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pulls from the reference registry, on this host. */
final class RegistryTest {
    private static final Platform PLATFORM = new Platform("linux", "amd64", "");

    @TempDir
    private Path folder;

    private Path layout;
    private @Nullable Process registry;

    @BeforeEach
    void makeImage() throws IOException {
        ErofsTools.needProgram("docker-registry", "docker-registry");
        ErofsTools.needProgram("skopeo", "skopeo");
        ErofsTools.needProgram("umoci", "umoci");
        ErofsTools.needRootUser();
        layout = folder.resolve("layout");
        run("umoci", "init", "--layout", layout);
        run("umoci", "new", "--image", layout + ":test");
        for (int layer = 0; layer < 6; layer++) {
            Path content = Files.createDirectories(folder.resolve("content" + layer));
            Files.write(content.resolve("file" + layer), new byte[100_000 + layer]);
            run("umoci", "insert", "--image", layout + ":test", content, "/from" + layer);
        }
    }

    @AfterEach
    void stop() throws InterruptedException {
        if (registry != null) {
            registry.destroy();
            registry.waitFor();
        }
    }

    @Test
    void pullsOnce_withProgressOfEachLayer() throws IOException {
        String host = start("");
        push(host, "");
        Map<String, Long> progress = new ConcurrentHashMap<>();
        Root image = Root.image(host + "/some/image:v1")
                .cache(RootCache.at(folder.resolve("cache")))
                .progress((digest, bytes, size) -> progress.put(digest, size - bytes));

        try (PreparedRoot root = image.prepare();
                PreparedRoot again = image.prepare()) {
            assertThat(root.fromCache()).isFalse();
            assertThat(again.fromCache()).isTrue();
            ErofsTools.need();
            run("fsck.erofs", root.disk().path());
        }
        assertThat(progress).as("six layers and a configuration").hasSizeGreaterThanOrEqualTo(7);
        assertThat(progress.values()).containsOnly(0L);
    }

    @Test
    void needsNoRegistry_forDigestInCache() throws Exception {
        String host = start("");
        push(host, "");
        String digest = run(
                        "skopeo",
                        "inspect",
                        "--tls-verify=false",
                        "--format={{.Digest}}",
                        "docker://" + host + "/some/image:v1")
                .strip();
        Root image = Root.image(host + "/some/image@" + digest).cache(RootCache.at(folder.resolve("cache")));
        image.prepare().close();
        stop();

        try (PreparedRoot root = image.prepare()) {
            assertThat(root.fromCache()).isTrue();
        }
    }

    @Test
    void logsInByDockersConfiguration() throws IOException {
        ErofsTools.needProgram("htpasswd", "apache2-utils");
        Path users = folder.resolve("users");
        run("htpasswd", "-Bbc", users, "reader", "secret");
        String host = start("""
            auth:
              htpasswd:
                realm: test
                path: %s
            """.formatted(users));
        push(host, "reader:secret");

        OciImage image = open(host, config(host, "reader:secret"));
        assertThat(image.layers()).hasSize(6);
        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> open(host, config(host, "reader:wrong")))
                .withMessageContaining("docker login " + host);
        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> open(host, new DockerConfig(folder.resolve("missing"))))
                .withMessageContaining("docker login " + host);
    }

    @Test
    void saysThatThereIsNoSuchImage() throws IOException {
        String host = start("");

        assertThatExceptionOfType(RootException.class)
                .isThrownBy(() -> Root.image(host + "/some/missing:v1")
                        .cache(RootCache.at(folder.resolve("cache")))
                        .prepare())
                .withMessageContaining("no such image");
    }

    private OciImage open(String host, DockerConfig logins) throws IOException {
        FileCache cache = new FileCache(folder.resolve("layers"), Long.MAX_VALUE);
        return RegistryBlobs.open(
                ImageName.parse(host + "/some/image:v1"), PLATFORM, logins, cache, (digest, bytes, size) -> {});
    }

    private DockerConfig config(String host, String pair) throws IOException {
        String auth = Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
        return new DockerConfig(Files.writeString(folder.resolve("config.json"), """
            {"auths": {"%s": {"auth": "%s"}}}
            """.formatted(host, auth)));
    }

    private void push(String host, String login) throws IOException {
        if (login.isEmpty()) {
            run(
                    "skopeo",
                    "copy",
                    "-q",
                    "--insecure-policy",
                    "--dest-tls-verify=false",
                    "oci:" + layout + ":test",
                    "docker://" + host + "/some/image:v1");
        } else {
            run(
                    "skopeo",
                    "copy",
                    "-q",
                    "--insecure-policy",
                    "--dest-tls-verify=false",
                    "--dest-creds=" + login,
                    "oci:" + layout + ":test",
                    "docker://" + host + "/some/image:v1");
        }
    }

    /** Starts a registry and waits until it listens; returns its host and port. */
    private String start(String more) throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        Path config = Files.writeString(
                folder.resolve("registry.yml"), """
                    version: 0.1
                    storage:
                      filesystem:
                        rootdirectory: %s
                    http:
                      addr: 127.0.0.1:%d
                    """.formatted(folder.resolve("registry"), port) + more);
        Process started = new ProcessBuilder("docker-registry", "serve", config.toString())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        registry = started;
        BufferedReader log = started.errorReader(); // a few lines; requests go to the output
        String line = log.readLine();
        while (line != null && !line.contains("listening on")) line = log.readLine();
        assertThat(line).as("the registry's log ends before it listens").isNotNull();
        return "127.0.0.1:" + port;
    }
}
