package dev.microvm.sandbox;

import dev.microvm.MicroVm;
import dev.microvm.sandbox.root.PreparedRoot;

/**
 * Hears how far {@link SandboxBuilder#start} is, on the thread that called it. What a method throws
 * ends the start.
 */
public interface StartListener {
    /** Hears of nothing. */
    StartListener NONE = new StartListener() {};

    /** The root is ready: it was made, or was in the cache. */
    default void rootPrepared(PreparedRoot root) {}

    /** The machine's description is checked, and its hypervisor chosen; it has not started. */
    default void machineBuilt(MicroVm vm) {}

    /** The guest runs. */
    default void machineStarted(MicroVm vm) {}

    /** The agent in the guest has answered: commands run from now on. */
    default void agentAnswered(Agent agent) {}
}
