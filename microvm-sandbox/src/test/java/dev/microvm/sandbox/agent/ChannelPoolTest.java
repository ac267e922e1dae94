package dev.microvm.sandbox.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ChannelPoolTest {
    private static final byte[] NUMBER = {7, 0, 0, 0, 0, 0, 0, 0};

    private final List<Connection> opened = new ArrayList<>();

    @Test
    void usesAConnectionAgain_afterACompleteExchange() throws IOException {
        ChannelPool pool = pool(new ScriptedAgent()
                .frame(Wire.OK, NUMBER)
                .frame(Wire.OK, NUMBER)
                .inPiecesOf(1));

        assertThat(pool.number(Payload.of(Wire.PING))).isEqualTo(7);
        assertThat(pool.number(Payload.of(Wire.PING))).isEqualTo(7);

        assertThat(opened).hasSize(1);
        assertThat(opened.getFirst().closed).isFalse();
    }

    @Test
    void closesAConnection_thatHasMoreToSay() throws IOException {
        ChannelPool pool = pool(new ScriptedAgent().frame(Wire.OK, NUMBER).frame(Wire.OK, NUMBER));

        assertThat(pool.number(Payload.of(Wire.PING))).isEqualTo(7);

        assertThat(opened.getFirst().closed).isTrue();
    }

    @Test
    void makesANewConnection_ifTheGuestHasEndedTheOneThatWaited() throws IOException {
        ChannelPool pool = pool(new ScriptedAgent().frame(Wire.OK, NUMBER));
        pool.number(Payload.of(Wire.PING));
        opened.getFirst().broken = true;

        assertThat(pool.number(Payload.of(Wire.PING))).isEqualTo(7);

        assertThat(opened).hasSize(2);
        assertThat(opened.getFirst().closed).isTrue();
    }

    @Test
    void keepsAnotherExchangeUntouched_whenTheFormerOneIsUsedOn() throws IOException {
        ChannelPool pool = pool(new ScriptedAgent()
                .frame(Wire.OK, NUMBER)
                .frame(Wire.EXIT, exit(Wire.CONTINUES))
                .frame(Wire.OK, NUMBER)
                .inPiecesOf(1));
        ExecLink former = ExecLink.start(pool, Payload.of(Wire.EXEC));
        former.run(new OutputBuffer(bytes -> {}), new OutputBuffer(bytes -> {}));
        former.close();
        AgentChannel next = pool.request(Payload.of(Wire.PING));
        int sent = opened.getFirst().agent.sent().length;

        former.signal(9);
        former.closeIf(true);
        former.close();

        assertThat(opened).hasSize(1);
        assertThat(opened.getFirst().agent.sent()).hasSize(sent);
        assertThat(opened.getFirst().closed).isFalse();
        assertThat(next.number()).isEqualTo(7);
    }

    @Test
    void refusesToSend_onAClosedChannel() throws IOException {
        AgentChannel channel = pool(new ScriptedAgent()).request(Payload.of(Wire.PING));
        channel.close();

        assertThatExceptionOfType(ClosedChannelException.class).isThrownBy(() -> channel.send(Payload.of(Wire.PING)));
    }

    private ChannelPool pool(ScriptedAgent script) {
        return new ChannelPool(timeout -> {
            opened.add(new Connection(opened.isEmpty() ? script : new ScriptedAgent().frame(Wire.OK, NUMBER)));
            return opened.getLast();
        });
    }

    private static byte[] exit(int flags) {
        byte[] payload = new byte[32];
        payload[0] = (byte) flags;
        return payload;
    }

    /** One that notes when it is closed, and can break. */
    private static final class Connection implements ByteChannel {
        private final ScriptedAgent agent;
        private boolean closed;
        private boolean broken;

        private Connection(ScriptedAgent agent) {
            this.agent = agent;
        }

        @Override
        public int read(ByteBuffer to) {
            return agent.read(to);
        }

        @Override
        public int write(ByteBuffer from) throws IOException {
            if (broken) throw new IOException("reset");
            return agent.write(from);
        }

        @Override
        public boolean isOpen() {
            return !closed;
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
