package dev.microvm.cli.firecracker.mmds;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a guest may send, and what it may not. */
final class HttpRequestTest {
    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(ISO_8859_1));
    }

    private static HttpRequest read(String text) throws IOException, HttpRequest.Malformed {
        return HttpRequest.read(stream(text)).orElseThrow();
    }

    @Test
    void readsRequestsOneAfterTheOther() throws IOException, HttpRequest.Malformed {
        InputStream from =
                stream("PUT /a HTTP/1.1\r\nContent-Length: 3\r\nX-Y:  z \r\n\r\nabcGET /b?c HTTP/1.1\r\n\r\n");

        HttpRequest first = HttpRequest.read(from).orElseThrow();
        HttpRequest second = HttpRequest.read(from).orElseThrow();

        assertThat(first.method()).isEqualTo("PUT");
        assertThat(first.header("no", "x-y")).contains("z");
        assertThat(second.path()).isEqualTo("/b");
        assertThat(HttpRequest.read(from)).isEmpty();
    }

    @Test
    void readsUrisWithAHost() throws IOException, HttpRequest.Malformed {
        assertThat(read("GET http://169.254.169.254/a/b HTTP/1.1\r\n\r\n").path())
                .isEqualTo("/a/b");
        assertThat(read("GET http://169.254.169.254 HTTP/1.1\r\n\r\n").path()).isEmpty();
    }

    @Test
    void knowsWhenAConnectionLasts() throws IOException, HttpRequest.Malformed {
        assertThat(read("GET / HTTP/1.1\r\n\r\n").lasts()).isTrue();
        assertThat(read("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").lasts()).isFalse();
        assertThat(read("GET / HTTP/1.0\r\n\r\n").lasts()).isFalse();
        assertThat(read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").lasts())
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET /\r\n\r\n",
                "GET / HTTP/2\r\n\r\n",
                "GET / HTTP/1.1\r\n",
                "GET / HTTP/1.1\r\n: a\r\n\r\n",
                "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: 51201\r\n\r\n",
                "GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            })
    void refusesWhatIsNoRequest(String text) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(HttpRequest.Malformed.class);
    }

    @Test
    void refusesAHeadWithoutEnd() {
        assertThatThrownBy(() -> read("G".repeat(100_000))).isInstanceOf(HttpRequest.Malformed.class);
    }
}
