package dev.microvm.sandbox.agent;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Keeps an output of a command, up to a limit. For one thread. */
public final class Collector implements Sink {
    private final OutputBuffer.Grant grant;
    private final Budget budget;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    /** How many bytes all outputs of a command may still have. For one thread. */
    public static final class Budget {
        private final Runnable exceeded;
        private long left;

        /** @param exceeded called once, when a command has more output than {@code most} bytes */
        public Budget(long most, Runnable exceeded) {
            left = most;
            this.exceeded = exceeded;
        }

        private int take(int wanted) {
            if (left < 0) return 0;
            int taken = (int) Math.min(wanted, left);
            left -= taken;
            if (taken < wanted) {
                left = -1;
                exceeded.run();
            }
            return taken;
        }

        /** Returns whether there was more. */
        public boolean exceeded() {
            return left < 0;
        }
    }

    /** Collects what the budget allows, and drops the rest. */
    public Collector(Budget budget, OutputBuffer.Grant grant) {
        this.budget = budget;
        this.grant = grant;
    }

    @Override
    public void accept(ByteBuffer from) {
        int length = from.remaining();
        byte[] piece = new byte[budget.take(length)];
        from.get(piece);
        bytes.writeBytes(piece);
        grant.grant(length);
    }

    @Override
    public void end() {}

    /** Returns what was kept. */
    public byte[] bytes() {
        return bytes.toByteArray();
    }

    /** Returns what was kept, decoded as UTF-8. */
    public String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
