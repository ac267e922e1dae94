package dev.microvm.backend.net.user;

import org.jspecify.annotations.Nullable;

/**
 * Flows in the order of their last use, so that the oldest is at hand. No operation allocates or
 * searches. A flow is in one such list at most. For one thread.
 */
final class FlowAges<T extends Flow> {
    private @Nullable Flow oldest;
    private @Nullable Flow youngest;

    /** Adds a flow as the youngest. */
    void add(T flow) {
        flow.older = youngest;
        flow.younger = null;
        if (youngest == null) oldest = flow;
        else youngest.younger = flow;
        youngest = flow;
    }

    /** Makes a flow of this list the youngest. */
    void use(T flow) {
        if (flow.younger == null) return; // it is already
        unlink(flow);
        add(flow);
    }

    /** Removes a flow of this list. */
    void remove(T flow) {
        unlink(flow);
        flow.older = null;
        flow.younger = null;
    }

    /** Returns the flow whose last use is longest ago; null if there is no flow. */
    @SuppressWarnings("unchecked") // only add puts flows in
    @Nullable
    T oldest() {
        return (T) oldest;
    }

    private void unlink(T flow) {
        if (flow.older == null) oldest = flow.younger;
        else flow.older.younger = flow.younger;
        if (flow.younger == null) youngest = flow.older;
        else flow.younger.older = flow.older;
    }
}
