package dev.microvm;

import dev.microvm.console.ConsoleBuffer;
import dev.microvm.console.ConsoleInput;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.Timeouts;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;

/**
 * A guest's console or port, as text and as streams. Keeps the newest 256 KiB of what the guest
 * printed. Any thread may call; each stream is for one thread.
 */
public final class Console {
    private static final int TAIL_LINES = 20;

    private final MicroVm vm; // keeps the machine alive while its console is in use
    private final ConsoleBuffer buffer;
    private final ConsoleInput input;
    private long mark; // behind the last match of awaitText

    Console(MicroVm vm, ConsoleBuffer buffer, ConsoleInput input) {
        this.vm = vm;
        this.buffer = buffer;
        this.input = input;
    }

    /** Returns what the guest printed and is still kept, decoded as UTF-8. */
    public String text() {
        return buffer.text();
    }

    /**
     * Waits until the guest prints {@code text}. The search begins after the match of the last
     * call, so that successive calls follow a dialogue.
     *
     * @return what was printed after the last match, including this match
     * @throws AwaitTimeoutException if it is not printed in time
     * @throws IllegalArgumentException if {@code timeout} is negative
     * @throws MicroVmException if the guest ends first, or the calling thread is interrupted
     */
    public String awaitText(String text, Duration timeout) {
        Objects.requireNonNull(text, "text");
        long nanos = Timeouts.nanos("timeout", timeout);
        long from;
        long found;
        try {
            synchronized (this) {
                from = mark;
            }
            found = buffer.await(text, from, System.nanoTime() + nanos);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MicroVmException("interrupted while waiting for \"" + text + "\" on the console", e);
        }
        if (found < 0) throw notFound(text, timeout);
        synchronized (this) {
            mark = found;
        }
        String after = buffer.text(from);
        int at = after.indexOf(text);
        return at < 0 ? after : after.substring(0, at + text.length()); // less than 0: newer output has replaced it
    }

    private MicroVmException notFound(String text, Duration timeout) {
        String wanted = "\"" + text + "\" was not printed on the console of " + vm.name();
        return buffer.ended()
                ? new MicroVmException(wanted + " before the guest ended" + tail())
                : new AwaitTimeoutException(wanted + " within " + timeout.toMillis() + " ms" + vm.limit() + tail());
    }

    /** The last lines, for the end of a message. */
    String tail() {
        String[] lines = text().split("\\R");
        int first = Math.max(0, lines.length - TAIL_LINES);
        return "; its last lines:\n" + String.join("\n", Arrays.asList(lines).subList(first, lines.length));
    }

    /**
     * Opens a new stream of what the guest prints, from the oldest byte that is kept to the guest's
     * end. While the stream is a whole buffer behind, the guest waits for it: close it when it is
     * no longer read.
     */
    public InputStream output() {
        return buffer.attach().stream();
    }

    /**
     * Opens a stream to the guest. A write waits while the guest does not read, and throws {@link
     * IOException} if the guest has ended.
     */
    public OutputStream input() {
        return new ConsoleOutputStream();
    }

    /**
     * Sets the action to call each time the program in the guest that has this port of a virtio
     * console open closes it, or ends. It runs on a thread of the machine and must not block.
     */
    public void onGuestClose(Runnable action) {
        input.onGuestClose(Objects.requireNonNull(action, "action"));
    }

    /**
     * Types {@code text} into the guest's console or port, as UTF-8.
     *
     * @throws MicroVmException if the guest has ended
     */
    public void type(String text) {
        Objects.requireNonNull(text, "text");
        try {
            input().write(text.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new MicroVmException(String.valueOf(e.getMessage()), e);
        }
    }

    private final class ConsoleOutputStream extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b});
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, bytes.length);
            input.write(bytes, offset, length);
        }
    }
}
