package dev.microvm.console;

import dev.microvm.event.ThreadEnd;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads between a machine's console and its {@link ConsoleEnds}: one copies what the guest
 * prints, the other what is typed. They hold no reference to the {@code MicroVm}, so that an
 * abandoned machine can be collected. Any thread may call.
 */
public final class ConsoleLink implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ConsoleLink.class);
    private static final Duration OUTPUT_LIMIT = Duration.ofSeconds(2);
    private static final int PIECE = 8192; // bytes

    private final String machine;
    private final ConsoleEnds ends;
    private @Nullable Thread printing;
    private @Nullable Thread typing;

    /**
     * Makes a link between the named machine's console and {@code ends}; closing the link closes
     * their output.
     */
    public ConsoleLink(ConsoleEnds ends, String machine) {
        this.ends = ends;
        this.machine = machine;
    }

    /** Starts the threads. */
    public synchronized void start(ConsoleBuffer console, ConsoleInput input) {
        OutputStream to = ends.output();
        if (to != null) {
            ConsoleBuffer.Reader reader = console.attach();
            printing = thread("console", () -> print(reader, to));
        }
        InputStream from = ends.input();
        if (from != null) typing = thread("typing", () -> type(from, input));
    }

    private Thread thread(String purpose, Runnable action) {
        return Thread.ofPlatform()
                .name("microvm-" + machine + "-" + purpose)
                .daemon()
                .start(action);
    }

    private void print(ConsoleBuffer.Reader reader, OutputStream to) {
        try (InputStream console = reader.stream();
                to) {
            byte[] bytes = new byte[PIECE];
            for (int n = console.read(bytes); n >= 0; n = console.read(bytes)) {
                to.write(bytes, 0, n);
                to.flush();
            }
        } catch (IOException | RuntimeException | Error e) { // the stream is the user's
            log.warn("machine {}: the console's output is no longer copied: {}", machine, e.toString());
        }
    }

    private void type(InputStream from, ConsoleInput to) {
        byte[] bytes = new byte[PIECE];
        try {
            for (int n = from.read(bytes); n >= 0; n = from.read(bytes)) to.write(bytes, 0, n);
        } catch (IOException | RuntimeException | Error e) {
            if (!to.ended()) log.warn("machine {}: the console's input is no longer copied: {}", machine, e.toString());
        }
    }

    /** Ends the input and restores a terminal, when the guest has ended. Returns at once. */
    public synchronized void end() {
        ends.end().run();
        if (typing != null) typing.interrupt();
    }

    /** Waits until everything printed has been copied, for at most 2 s. */
    @Override
    public void close() {
        Thread copies;
        synchronized (this) {
            end();
            copies = printing;
        }
        if (copies == null) {
            closeOutput();
        } else if (!copies.equals(Thread.currentThread()) && !ThreadEnd.await(copies, OUTPUT_LIMIT)) {
            copies.interrupt();
        }
    }

    private void closeOutput() {
        try {
            OutputStream output = ends.output();
            if (output != null) output.close();
        } catch (IOException e) {
            log.warn("machine {}: cannot close the target of the console: {}", machine, e.toString());
        }
    }
}
