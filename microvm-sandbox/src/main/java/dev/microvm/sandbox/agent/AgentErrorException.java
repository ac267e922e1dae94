package dev.microvm.sandbox.agent;

import dev.microvm.linux.Errno;
import java.io.IOException;

/** The agent could not do what it was asked for: an error number of the guest's Linux. */
public final class AgentErrorException extends IOException {
    private static final long serialVersionUID = 1;

    private final int number;
    private final String step;

    AgentErrorException(int number, String step) {
        super((step.isEmpty() ? "" : step + ": ") + Errno.words(number));
        this.number = number;
        this.step = step;
    }

    /** Returns the error number: {@link Errno}. */
    public int number() {
        return number;
    }

    /** Returns what failed, such as {@code directory}; may be empty. */
    public String step() {
        return step;
    }
}
