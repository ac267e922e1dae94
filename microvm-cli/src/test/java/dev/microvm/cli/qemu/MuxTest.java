package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Ctrl-A on a character device with several users. */
final class MuxTest {
    private final List<String> heard = new ArrayList<>();
    private final RecordingChannel channel = new RecordingChannel();
    private final Mux mux = new Mux(List.of(user("guest"), user("monitor")), channel, () -> heard.add("leave"));

    private Channel.User user(String name) {
        return new Channel.User() {
            @Override
            public void input(byte[] bytes, int length) {
                heard.add(name + ":" + new String(bytes, 0, length, UTF_8));
            }

            @Override
            public void connected() {
                heard.add(name + " connected");
            }
        };
    }

    private void type(String text) throws IOException {
        byte[] bytes = text.getBytes(UTF_8);
        mux.input(bytes, bytes.length);
    }

    @Test
    void changesOver_whenCtrlACIsTyped() throws IOException {
        type("a\u0001cb\u0001cc");

        assertThat(heard).containsExactly("guest:a", "monitor connected", "monitor:b", "guest connected", "guest:c");
    }

    @Test
    void passesOneCtrlA_whenItIsTypedTwice() throws IOException {
        type("x\u0001\u0001y");

        assertThat(heard).containsExactly("guest:x\u0001y");
    }

    @Test
    void remembersCtrlA_whenThePieceEndsWithIt() throws IOException {
        type("\u0001");
        type("x");

        assertThat(heard).containsExactly("leave");
    }

    @Test
    void helps() throws IOException {
        type("\u0001h\u0001q");

        assertThat(channel.take()).contains("C-a x    exit emulator\r\n");
        assertThat(heard).isEmpty();
    }
}
