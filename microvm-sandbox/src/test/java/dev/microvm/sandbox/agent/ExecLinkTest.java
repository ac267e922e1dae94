package dev.microvm.sandbox.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.EOFException;
import java.io.IOException;
import org.junit.jupiter.api.Test;

final class ExecLinkTest {
    private static final byte[] PID = {42, 0, 0, 0, 0, 0, 0, 0};

    @Test
    void passesOutputsOn_andSaysHowTheCommandEnded() throws IOException {
        byte[] exit = new byte[32];
        exit[0] = Wire.SIGNALED | Wire.CPU_LIMIT;
        exit[4] = 9;
        exit[9] = 4; // 1,024 us
        exit[16] = 77;
        exit[24] = 3;
        ScriptedAgent agent = started()
                .frame(Wire.STDOUT, "a".getBytes(UTF_8))
                .frame(Wire.STDERR, "b".getBytes(UTF_8))
                .frame(Wire.STDOUT)
                .frame(Wire.EXIT, exit);
        Kept kept = new Kept(agent);

        CommandEnd end = kept.run();

        assertThat(kept.link.pid()).isEqualTo(42);
        assertThat(kept.out.text()).isEqualTo("a");
        assertThat(kept.err.text()).isEqualTo("b");
        assertThat(end).isEqualTo(new CommandEnd(Wire.SIGNALED | Wire.CPU_LIMIT, 9, 1024, 77, 3));
    }

    @Test
    void refusesWhatTheProtocolDoesNotHave() throws IOException {
        assertRefused(started().frame(Wire.DATA), "a frame of type 71");
        assertRefused(started().frame(Wire.EXIT, new byte[31]), "an end without its figures");
        assertRefused(started().frame(Wire.CREDIT), "a frame without its number");
        assertRefused(started().frame(Wire.CREDIT, (byte) 1, (byte) 0, (byte) 0, (byte) 0), "credit for 1");
    }

    @Test
    void refusesOutputWithoutCredit() throws IOException {
        ScriptedAgent agent = started();
        for (int sent = 0; sent <= Wire.WINDOW; sent += Wire.MAX_DATA)
            agent.frame(Wire.STDOUT, new byte[Wire.MAX_DATA]);
        ExecLink link = ExecLink.start(() -> new AgentChannel(agent), Payload.of(Wire.EXEC));

        assertThatExceptionOfType(AgentProtocolException.class)
                .isThrownBy(() -> link.run(new OutputBuffer(bytes -> {}), new OutputBuffer(bytes -> {})))
                .withMessageContaining("more output than it has credit for");
    }

    @Test
    void fails_whenTheConnectionEndsFirst() throws IOException {
        Kept kept = new Kept(started().frame(Wire.STDOUT, "a".getBytes(UTF_8)));

        assertThatExceptionOfType(EOFException.class).isThrownBy(kept::run);

        assertThat(kept.out.text()).isEqualTo("a");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> kept.link.stdin().write(1))
                .withMessageContaining("Broken pipe");
    }

    private static void assertRefused(ScriptedAgent agent, String message) throws IOException {
        Kept kept = new Kept(agent);
        assertThatExceptionOfType(AgentProtocolException.class)
                .isThrownBy(kept::run)
                .withMessageContaining(message);
    }

    private static ScriptedAgent started() {
        return new ScriptedAgent().frame(Wire.OK, PID);
    }

    private static final class Kept {
        private final ExecLink link;
        private final Collector out;
        private final Collector err;

        private Kept(ScriptedAgent agent) throws IOException {
            link = ExecLink.start(() -> new AgentChannel(agent), Payload.of(Wire.EXEC));
            Collector.Budget budget = new Collector.Budget(1000, link::killTree);
            out = new Collector(budget, bytes -> link.grant(ExecLink.STDOUT, bytes));
            err = new Collector(budget, bytes -> link.grant(ExecLink.STDERR, bytes));
        }

        private CommandEnd run() throws IOException {
            return link.run(out, err);
        }
    }
}
