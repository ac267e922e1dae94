package dev.microvm.console;

import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;

/**
 * Reads the keys of a terminal and handles two sequences, which are those of QEMU's {@code
 * -nographic}: Ctrl-A x leaves, Ctrl-A Ctrl-A is one Ctrl-A. Ctrl-A and any other key are both
 * passed on. For one thread.
 */
final class EscapeKeys extends InputStream {
    private static final int CTRL_A = 1; // ASCII SOH
    private static final int LEAVE = 'x';

    private static final int PIECE = 256; // bytes to read at once

    private final InputStream keys;
    private final Runnable leave;
    private final byte[] typed = new byte[PIECE];
    private final byte[] passed = new byte[PIECE + 1]; // with room for a Ctrl-A that was held back
    private int start;
    private int end;
    private boolean escaped; // the last key was a Ctrl-A that is held back
    private boolean left;

    EscapeKeys(InputStream keys, Runnable leave) {
        this.keys = keys;
        this.leave = leave;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
    }

    /** Waits for keys for the guest. The sequence that leaves ends the stream. */
    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, to.length);
        if (length == 0) return 0;
        while (start == end) {
            int count = left ? -1 : keys.read(typed);
            if (count < 0) return -1;
            start = 0;
            end = 0;
            for (int i = 0; i < count && !left; i++) take(typed[i]);
        }
        int count = Math.min(length, end - start);
        System.arraycopy(passed, start, to, offset, count);
        start += count;
        return count;
    }

    private void take(byte key) {
        if (!escaped) {
            if (key == CTRL_A) escaped = true;
            else passed[end++] = key;
            return;
        }
        escaped = false;
        if (key == LEAVE) {
            left = true;
            leave.run();
            return;
        }
        passed[end++] = CTRL_A;
        if (key != CTRL_A) passed[end++] = key;
    }

    @Override
    public void close() throws IOException {
        keys.close();
    }
}
