package dev.microvm.sandbox.agent;

import java.nio.ByteBuffer;

/** Takes the output of a command, on the thread that reads the connection; must not wait. */
public interface Sink {
    /** Takes all bytes. The command may send them again only after a grant of credit. */
    void accept(ByteBuffer bytes);

    /** Notes the end of the stream; may be called twice. */
    void end();
}
