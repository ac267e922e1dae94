package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Udp;
import dev.microvm.error.MicroVmException;
import java.io.ByteArrayOutputStream;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What DHCP tells a guest beside its address. */
final class DhcpServerTest {
    private static final int MESSAGE = Ethernet.SIZE + Ipv4.SIZE + Udp.SIZE;
    private static final int OPTIONS = MESSAGE + 240;
    private static final int HOST_NAME = 12;
    private static final int DOMAIN_NAME = 15;
    private static final int DOMAIN_SEARCH = 119;

    @Test
    void givesNoNames_byDefault() {
        assertThat(options(offer(UserNetwork.builder()))).doesNotContainKeys(HOST_NAME, DOMAIN_NAME, DOMAIN_SEARCH);
    }

    @Test
    void givesTheNamesThatAreSet() {
        Map<Integer, byte[]> options = options(offer(UserNetwork.builder()
                .guestHostName("web")
                .guestDomain("example.org")
                .guestSearch("example.org", "lab.example.org")));

        assertThat(options.get(HOST_NAME)).asString(US_ASCII).isEqualTo("web");
        assertThat(options.get(DOMAIN_NAME)).asString(US_ASCII).isEqualTo("example.org");
        // The second name ends with a pointer to the first, at offset 0: RFC 1035, 4.1.4.
        assertThat(options.get(DOMAIN_SEARCH)).asString(ISO_8859_1).isEqualTo("\7example\3org\0\3lab\u00c0\0");
    }

    @Test
    void splitsALongSearchList() {
        String[] domains = new String[4];
        for (int i = 0; i < domains.length; i++) domains[i] = ("d" + i).repeat(30) + ".org";
        byte[] offer = offer(UserNetwork.builder().guestSearch(domains));

        assertThat(offer).hasSizeLessThanOrEqualTo(MESSAGE + 548);
        assertThat(options(offer).get(DOMAIN_SEARCH)).hasSize(61 + 5 + 3 * (61 + 2));
    }

    @Test
    void refusesWhatIsNoName_orDoesNotFit() {
        assertThatThrownBy(() -> UserNetwork.builder()
                        .guestHostName("no name")
                        .guestDomain("-x")
                        .guestSearch("a..b")
                        .build())
                .isInstanceOf(MicroVmException.class)
                .hasMessageContaining("guestHostName: a name such as web or example.org, was \"no name\"")
                .hasMessageContaining("guestDomain")
                .hasMessageContaining("guestSearch");
        String[] many = new String[10];
        for (int i = 0; i < many.length; i++) many[i] = ("d" + i).repeat(30) + ".org";
        assertThatThrownBy(() -> UserNetwork.builder().guestSearch(many).build())
                .isInstanceOf(MicroVmException.class)
                .hasMessageContaining("bytes of a DHCP message at most");
    }

    @Test
    void tellsTheKernelTheSameByItsCommandLine() {
        UserNetworkBuilder builder = UserNetwork.builder().guestHostName("web").guestDomain("example.org");

        assertThat(builder.spec().kernelParameter("eth0")).isEmpty();
        assertThat(builder.kernelIp(true).spec().kernelParameter("eth0"))
                .hasValue("ip=10.0.2.15::10.0.2.2:255.255.255.0:web.example.org:eth0:off:10.0.2.3");
    }

    private static byte[] offer(UserNetworkBuilder builder) {
        try (StackRig rig = new StackRig(builder)) {
            rig.send(GuestFrames.dhcpDiscover());
            return rig.take().getFirst();
        }
    }

    /** The options of a message by their code; the parts of one are joined, as RFC 3396 says. */
    private static Map<Integer, byte[]> options(byte[] message) {
        Map<Integer, byte[]> options = new TreeMap<>();
        int at = OPTIONS;
        while ((message[at] & 0xff) != 255) {
            int code = message[at] & 0xff;
            ByteArrayOutputStream joined = new ByteArrayOutputStream();
            joined.writeBytes(options.getOrDefault(code, new byte[0]));
            joined.write(message, at + 2, message[at + 1] & 0xff);
            options.put(code, joined.toByteArray());
            at += 2 + (message[at + 1] & 0xff);
        }
        return options;
    }
}
