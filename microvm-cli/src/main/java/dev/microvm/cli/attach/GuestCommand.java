package dev.microvm.cli.attach;

import dev.microvm.cli.ExitCode;
import dev.microvm.error.MicroVmException;
import dev.microvm.sandbox.GuestProcess;
import dev.microvm.sandbox.ProcessEnd;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.CompletionException;

/** A command in a guest of this process. */
public final class GuestCommand implements Attached {
    private final GuestProcess process;

    public GuestCommand(GuestProcess process) {
        this.process = process;
    }

    @Override
    public int await(OutputStream out, OutputStream err) throws IOException {
        Thread errors = Thread.ofVirtual()
                .name("microvm-stderr-" + process.pid())
                .start(() -> pass(process.getErrorStream(), err));
        pass(process.getInputStream(), out);
        try {
            errors.join();
            ProcessEnd end = process.onEnd().join();
            return end.timedOut() ? ExitCode.TIMED_OUT : end.exitCode();
        } catch (CompletionException e) {
            throw e.getCause() instanceof MicroVmException known ? known : e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the command runs", e);
        }
    }

    /** Ends with the stream; a command that writes on when nobody reads gets what a pipe would give it. */
    private void pass(InputStream from, OutputStream to) {
        byte[] piece = new byte[1 << 16];
        try {
            for (int n = from.read(piece); n >= 0; n = from.read(piece)) write(to, piece, n);
        } catch (IOException e) {
            // The guest has ended: its end says why.
        }
    }

    private void write(OutputStream to, byte[] piece, int length) {
        try {
            to.write(piece, 0, length);
            to.flush();
        } catch (IOException e) {
            signal(Signals.PIPE);
        }
    }

    @Override
    public void input(byte[] bytes, int length) throws IOException {
        process.getOutputStream().write(bytes, 0, length);
        process.getOutputStream().flush();
    }

    @Override
    public void endInput() throws IOException {
        process.getOutputStream().close();
    }

    @Override
    public void signal(int number) {
        process.kill(number);
    }

    @Override
    public void resize(int columns, int rows) {
        process.resize(columns, rows);
    }
}
