package dev.microvm.sandbox.root.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ImageNameTest {
    @Test
    void readsParts() {
        assertThat(ImageName.parse("registry.example.org:5000/a/b-c:v1"))
                .isEqualTo(new ImageName("registry.example.org:5000", "a/b-c", "v1"));
        assertThat(ImageName.parse("localhost/a").reference()).isEqualTo("latest");
        String digest = "sha256:" + "0".repeat(64);
        assertThat(ImageName.parse("localhost/a:v1@" + digest).reference()).isEqualTo(digest);
    }

    @Test
    void asksOnlyThisHostWithoutTls() {
        assertThat(ImageName.parse("127.0.0.1:5000/a").resource("blobs", "x")).hasScheme("http");
        assertThat(ImageName.parse("[::1]:5000/a").resource("blobs", "x")).hasScheme("http");
        assertThat(ImageName.parse("localhost.example.org/a").resource("blobs", "x"))
                .hasScheme("https");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "debian",
                "library/debian",
                "r.org/A",
                "r.org/a/../b",
                "r.org/a:",
                "r.org/a@sha256:1",
                "r.org/a?b",
                "u@r.org/a"
            })
    void refusesOthers(String name) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ImageName.parse(name))
                .withMessageContaining("registry/repository:tag");
    }
}
