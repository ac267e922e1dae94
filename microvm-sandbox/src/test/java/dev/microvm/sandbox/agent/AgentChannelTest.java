package dev.microvm.sandbox.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.linux.Errno;
import java.io.EOFException;
import java.io.IOException;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class AgentChannelTest {
    @Test
    void readsFrames_howeverTheyAreCut() throws IOException {
        ScriptedAgent agent =
                new ScriptedAgent().frame(Wire.DATA, new byte[70_000 - 10_000]).frame(Wire.END);
        AgentChannel channel = new AgentChannel(agent.inPiecesOf(7));

        Frame data = Objects.requireNonNull(channel.read());
        assertThat(data.type()).isEqualTo(Wire.DATA);
        assertThat(data.payload().remaining()).isEqualTo(60_000);
        assertThat(Objects.requireNonNull(channel.read()).type()).isEqualTo(Wire.END);
        assertThat(channel.read()).isNull();
    }

    @Test
    void refusesWhatIsNoFrame() {
        assertRefused(new ScriptedAgent().int32(Wire.MAX_DATA + 1).int32(Wire.DATA), "with 65537 bytes; at most 65536");
        assertRefused(new ScriptedAgent().int32(-1).int32(Wire.DATA), "with 4294967295 bytes");
        assertRefused(new ScriptedAgent().int32(8), "ends within a frame");
        assertRefused(new ScriptedAgent().int32(8).int32(Wire.DATA).int32(0), "ends within a frame");
    }

    private static void assertRefused(ScriptedAgent agent, String message) {
        assertThatExceptionOfType(AgentProtocolException.class)
                .isThrownBy(() -> new AgentChannel(agent).read())
                .withMessageContaining(message);
    }

    @Test
    void givesTheAgentsErrors() {
        ScriptedAgent agent = new ScriptedAgent().frame(Wire.ERROR, new byte[] {2, 0, 0, 0, 'x'});

        assertThatExceptionOfType(AgentErrorException.class)
                .isThrownBy(() -> new AgentChannel(agent).number())
                .withMessage("x: No such file or directory")
                .satisfies(e -> assertThat(e.number()).isEqualTo(Errno.ENOENT));
    }

    @Test
    void saysThatAnAnswerIsMissing() {
        assertThatExceptionOfType(EOFException.class).isThrownBy(() -> new AgentChannel(new ScriptedAgent()).number());
        assertThatExceptionOfType(AgentProtocolException.class)
                .isThrownBy(() -> new AgentChannel(new ScriptedAgent().frame(Wire.OK)).number());
    }

    @Test
    void sendsLengthTypeAndPayload() throws IOException {
        ScriptedAgent agent = new ScriptedAgent();

        new AgentChannel(agent).send(Payload.of(Wire.SIGNAL).int32(9).text("é"));

        assertThat(agent.sent()).isEqualTo(new byte[] {
            11, 0, 0, 0, Wire.SIGNAL, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, (byte) 0xc3, (byte) 0xa9, 0
        });
    }
}
