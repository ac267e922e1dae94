package dev.microvm.sandbox.root.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DockerConfigTest {
    @TempDir
    private Path folder;

    @Test
    void readsPasswordAndToken() throws IOException {
        DockerConfig config = config("""
            {"auths": {"a.example.org": {"auth": "dXNlcjpwYTpzcw=="}, "b.example.org": {"identitytoken": "t"}}}
            """);

        assertThat(config.login("a.example.org")).contains(new Login("user", "pa:ss", false));
        assertThat(config.login("b.example.org")).contains(new Login("", "t", true));
        assertThat(config.login("c.example.org")).isEmpty();
        assertThat(new Login("user", "secret", false)).hasToString("user");
    }

    @Test
    void saysWhichHelperIsMissing() throws IOException {
        DockerConfig config = config("{\"credHelpers\": {\"a.example.org\": \"missing-of-microvm\"}}");

        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> config.login("a.example.org"))
                .withMessageContaining("docker-credential-missing-of-microvm");
    }

    @Test
    void runsNoHelperOfAnyPath() throws IOException {
        DockerConfig config = config("{\"credsStore\": \"../../bin/sh\"}");

        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> config.login("a.example.org"))
                .withMessageContaining("no name of a credential helper");
    }

    private DockerConfig config(String json) throws IOException {
        return new DockerConfig(Files.writeString(folder.resolve("config.json"), json));
    }
}
