package dev.microvm.sandbox;

import dev.microvm.sandbox.agent.AgentErrorException;
import dev.microvm.sandbox.agent.Errno;

/** A command could not be started in a guest that works; the message says why. */
public final class CommandStartException extends SandboxException {
    private static final long serialVersionUID = 1;
    static final String STEP = "command"; // exec.c of the agent

    private final boolean notFound;

    CommandStartException(String message, AgentErrorException cause) {
        super(message, cause);
        boolean missing = cause.number() == Errno.ENOENT || cause.number() == Errno.ENOTDIR;
        notFound = missing && cause.step().equals(STEP);
    }

    /**
     * Returns whether the guest has no such program. Otherwise the program cannot be executed, or
     * the command's user or directory does not exist.
     */
    public boolean notFound() {
        return notFound;
    }
}
