/**
 * The host's side of the guest agent's protocol: one connection for each operation, with frames of
 * a length, a type and a payload. Start reading at {@link
 * dev.microvm.sandbox.agent.AgentChannel}; {@code src/main/guest/agent} has the other side. All
 * that comes from the guest is hostile: each length has a bound.
 */
@NullMarked
package dev.microvm.sandbox.agent;

import org.jspecify.annotations.NullMarked;
