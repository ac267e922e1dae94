package dev.microvm.sandbox.agent;

import java.io.IOException;

/** The agent sent something that its protocol does not have. */
public final class AgentProtocolException extends IOException {
    private static final long serialVersionUID = 1;

    /** @param found what it sent */
    public AgentProtocolException(String found) {
        super("not the agent's protocol: " + found);
    }
}
