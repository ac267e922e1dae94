package dev.microvm.cli.firecracker.mmds;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.cli.firecracker.api.ApiFault;
import dev.microvm.cli.firecracker.json.JsonReader;
import dev.microvm.cli.json.JsonText;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a guest gets, and the content behind it. */
final class MmdsHttpTest {
    private static final int LIMIT = 400;

    private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 10); // the clock overflows soon
    private final Mmds mmds = new Mmds(LIMIT);
    private final TokenAuthority tokens = new TokenAuthority("test", now::get);
    private final List<String> counts = new ArrayList<>();
    private final MmdsHttp http = new MmdsHttp(mmds, tokens, counts::add);

    private static Object json(String text) {
        return Objects.requireNonNull(JsonReader.readTree(text.getBytes(UTF_8)));
    }

    @BeforeEach
    void fill() {
        mmds.put(
                json("{\"latest\": {\"meta-data\": {\"ami-id\": \"ami-1\", \"ports\": [80, 443]}, \"user-data\": \"x\","
                        + " \"age\": 43}}"));
    }

    private HttpResponse get(String path, String... headers) {
        return http.answer(request("GET", path, headers));
    }

    private static HttpRequest request(String method, String path, String... headers) {
        Map<String, String> all = headers.length == 0 ? Map.of() : Map.of(headers[0], headers[1]);
        return new HttpRequest(method, path, all, true);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            /                        | 200 | 'latest/'
            /latest                  | 200 | 'age,meta-data/,user-data'
            //latest///              | 200 | 'age,meta-data/,user-data'
            /latest/meta-data/ami-id | 200 | 'ami-1'
            /latest/user-data/       | 200 | 'x'
            /latest/age              | 501 | 'Cannot retrieve value. The value has an unsupported type.'
            /latest/meta-data/ports  | 501 | 'Cannot retrieve value. The value has an unsupported type.'
            /no/such                 | 404 | 'Resource not found: /no/such.'
            """)
    void listsAsImds(String path, int status, String text) {
        HttpResponse response = get(path);

        assertThat(response.status()).isEqualTo(status);
        assertThat(response.body()).isEqualTo(text.replace(',', '\n'));
        assertThat(response.json()).isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            /latest/meta-data         | {"ami-id":"ami-1","ports":[80,443]}
            /latest/age               | 43
            /latest/meta-data/ports/1 | 443
            /latest/user-data         | "x"
            """)
    void answersInJson(String path, String text) {
        HttpResponse response = get(path, "accept", "application/json");

        assertThat(response.body()).isEqualTo(text);
        assertThat(new String(response.bytes(true), UTF_8))
                .startsWith("HTTP/1.1 200 OK\r\n")
                .contains("Content-Type: application/json\r\n");
    }

    @Test
    void ignoresTheFormat_whereItIsCompatible() {
        mmds.configure(false, true);

        assertThat(get("/latest", "accept", "application/json").body()).isEqualTo("age\nmeta-data/\nuser-data");
    }

    @Test
    void needsAToken_inVersion2() {
        mmds.configure(true, false);

        assertThat(get("/").status()).isEqualTo(401);
        assertThat(get("/").body()).startsWith("No MMDS token provided. Use `X-metadata-token` or");
        assertThat(get("/", "x-metadata-token", "foo").body()).isEqualTo("MMDS token not valid.");
        HttpResponse token = http.answer(request("PUT", "/latest/api/token", "x-metadata-token-ttl-seconds", "60"));
        assertThat(token.status()).isEqualTo(200);
        assertThat(token.headers()).isEqualTo("X-metadata-token-ttl-seconds: 60\r\n");
        assertThat(get("/", "x-metadata-token", token.body()).body()).isEqualTo("latest/");
        assertThat(get("/", "x-aws-ec2-metadata-token", token.body()).status()).isEqualTo(200);
        assertThat(counts).contains("rx_no_token", "rx_invalid_token");

        now.addAndGet(TimeUnit.SECONDS.toNanos(60));

        assertThat(get("/", "x-metadata-token", token.body()).status()).isEqualTo(401);
    }

    @Test
    void takesNoTokenOfAnotherMachine() {
        String other = new TokenAuthority("other", now::get).generate(60);

        assertThat(tokens.isValid(other)).isFalse();
        assertThat(tokens.isValid("a".repeat(100))).isFalse();
        assertThat(tokens.isValid("!")).isFalse();
        assertThat(tokens.isValid("AAAA")).isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            /latest/api/token | x-metadata-token-ttl-seconds | 0     | 400 | Invalid time to live value provided for token: 0. Please provide a value between 1 and 21600.
            /latest/api/token | x-metadata-token-ttl-seconds | 21601 | 400 | Invalid time to live value provided for token: 21601. Please provide a value between 1 and 21600.
            /latest/api/token | x-metadata-token-ttl-seconds | -1    | 400 | Invalid header. Reason: Invalid value. Key:X-metadata-token-ttl-seconds; Value:-1
            /latest/api/token | x-forwarded-for              | a     | 400 | Invalid header. Reason: Unsupported header name. Key: x-forwarded-for
            /latest/api/token | accept                       | a     | 400 | Token time to live value not found. Use `X-metadata-token-ttl-seconds` or `X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's lifetime.
            /latest           | x-metadata-token-ttl-seconds | 60    | 404 | Resource not found: /latest.
            """)
    void refusesATokenRequest(String path, String header, String value, int status, String text) {
        HttpResponse response = http.answer(request("PUT", path, header, value));

        assertThat(response.status()).isEqualTo(status);
        assertThat(response.body()).isEqualTo(text);
    }

    @Test
    void knowsTwoMethods() {
        HttpResponse response = http.answer(request("POST", "/"));

        assertThat(response.status()).isEqualTo(405);
        assertThat(response.headers()).isEqualTo("Allow: GET, PUT\r\n");
        assertThat(http.answer(request("GET", "")).body()).isEqualTo("Invalid URI.");
    }

    @Test
    void mergesPatches() {
        mmds.patch(json("{\"latest\": {\"age\": null, \"user-data\": {\"a\": 1}}, \"new\": [null]}"));

        assertThat(JsonText.of(mmds.content()))
                .isEqualTo("{\"latest\":{\"meta-data\":{\"ami-id\":\"ami-1\",\"ports\":[80,443]},"
                        + "\"user-data\":{\"a\":1}},\"new\":[null]}");
    }

    @Test
    void keepsWhatItHas_ifAPatchIsRefused() {
        Object before = mmds.content();

        assertThatThrownBy(() -> mmds.patch(json("{\"x\": \"" + "y".repeat(LIMIT) + "\"}")))
                .isInstanceOfSatisfying(
                        ApiFault.class, fault -> assertThat(fault.status()).isEqualTo(413))
                .hasMessage("MMDS limit exceeded error: The MMDS patch request doesn't fit.");
        assertThat(mmds.content()).isEqualTo(before);
        assertThatThrownBy(() -> new Mmds(LIMIT).patch(json("{}")))
                .hasMessage("MMDS error: The MMDS data store is not initialized.");
    }
}
