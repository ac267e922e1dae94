package dev.microvm.sandbox.agent;

import java.io.IOException;

/** Makes connections with the agent. */
@FunctionalInterface
public interface Dialer {
    /** Makes one. */
    AgentChannel dial() throws IOException;

    /** Sends a request on a connection that has no other; closes it if sending fails. */
    default AgentChannel request(Payload request) throws IOException {
        AgentChannel channel = dial();
        try {
            channel.send(request);
            return channel;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Sends a request whose answer is a number. */
    default long number(Payload request) throws IOException {
        try (AgentChannel channel = request(request)) {
            long number = channel.number();
            channel.complete();
            return number;
        }
    }
}
