package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile frames. Each script is a row of frames: two bytes of length, a byte that says how the
 * frame is made plausible (so that the fuzzer gets past checksums), and its bytes. The policy lets
 * nothing out.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class UserNetworkFuzzTest {
    static Stream<byte[]> samples() {
        return Stream.of(
                new byte[0],
                FrameScript.of(GuestFrames.arpRequest(), GuestFrames.ping(100), GuestFrames.dhcpDiscover()),
                FrameScript.of(
                        GuestFrames.tcp(1000, 80, 1, 0, Headers.Tcp.SYN, new byte[0]),
                        GuestFrames.udp(1000, 53, DnsMessageTest.query("a.b", 1)),
                        GuestFrames.udp(1000, 9, "hello".getBytes(US_ASCII))));
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void frames(byte[] script) {
        try (StackRig rig = new StackRig(UserNetwork.builder().hostNames(true).policy(NetPolicy.NONE))) {
            FrameScript.run(script, rig);
            assertThat(rig.failures()).isEmpty();
        }
    }

    /** The same with a TCP connection to the guest's port 80, which the frames may answer. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void segments(byte[] script) {
        HostForward forward = HostForward.tcp(0, GuestFrames.PORT);
        try (StackRig rig = new StackRig(
                UserNetwork.builder().hostNames(true).policy(NetPolicy.NONE).forward(forward))) {
            rig.connect(forward);
            FrameScript.run(script, rig);
            assertThat(rig.failures()).isEmpty();
        }
    }
}
