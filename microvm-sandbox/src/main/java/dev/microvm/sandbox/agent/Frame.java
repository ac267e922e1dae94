package dev.microvm.sandbox.agent;

import java.nio.ByteBuffer;

/**
 * A frame from the agent.
 *
 * @param type one of {@link Wire}
 * @param payload its bytes, little-endian, valid until the next frame is read
 */
public record Frame(int type, ByteBuffer payload) {}
