package dev.microvm.cli.attach;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * Keeps the newest output of a command for those who ask for it. Writers never wait; a reader that
 * is too slow misses bytes. Any thread may write; each stream is for one thread.
 */
public final class RecentOutput extends OutputStream {
    private static final int SIZE = 256 << 10;

    private final byte[] ring = new byte[SIZE];
    private long end; // bytes written since the start
    private boolean closed;

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        int kept = Math.min(length, SIZE);
        int from = offset + length - kept;
        end += length - kept;
        for (int done = 0; done < kept; ) {
            int at = (int) (end % SIZE);
            int piece = Math.min(kept - done, SIZE - at);
            System.arraycopy(bytes, from + done, ring, at, piece);
            done += piece;
            end += piece;
        }
        notifyAll();
    }

    /** Ends all streams after the last byte. */
    @Override
    public synchronized void close() {
        closed = true;
        notifyAll();
    }

    /**
     * Opens a stream that begins at the oldest byte that is kept.
     *
     * @param follow whether it waits for more; otherwise it ends with what there is now
     */
    public synchronized InputStream stream(boolean follow) {
        return new Reader(Math.max(0, end - SIZE), follow ? Long.MAX_VALUE : end);
    }

    private final class Reader extends InputStream {
        private final long last;
        private long position;
        private boolean left;

        Reader(long position, long last) {
            this.position = position;
            this.last = last;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
        }

        @Override
        public int read(byte[] to, int offset, int length) throws IOException {
            synchronized (RecentOutput.this) {
                if (!await()) return -1;
                position = Math.max(position, end - SIZE);
                int at = (int) (position % SIZE);
                int piece = (int) Math.min(Math.min(length, SIZE - at), Math.min(end, last) - position);
                System.arraycopy(ring, at, to, offset, piece);
                position += piece;
                return piece;
            }
        }

        private boolean await() throws IOException {
            try {
                while (position >= end && position < last && !closed && !left) RecentOutput.this.wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for output", e);
            }
            return position < Math.min(end, last) && !left;
        }

        @Override
        public void close() {
            synchronized (RecentOutput.this) {
                left = true;
                RecentOutput.this.notifyAll();
            }
        }
    }
}
