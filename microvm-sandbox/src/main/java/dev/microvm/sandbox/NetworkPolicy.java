package dev.microvm.sandbox;

/** What a sandbox may reach. */
public enum NetworkPolicy {
    /** Nothing: it has no network device. Port forwards and commands work all the same. */
    NONE,
    /** What the host can reach, but not the host itself: a {@code UserNetwork}. */
    OUTBOUND
}
