package dev.microvm.cli;

/** What is to be done if the JVM exits before {@link #close}, as it does by SIGINT, SIGTERM and SIGHUP. */
public final class ExitHook implements AutoCloseable {
    private static volatile boolean begun;

    private final Thread thread;

    /** Installs it. */
    public ExitHook(String name, Runnable action) {
        thread = new Thread(
                () -> {
                    begun = true;
                    action.run();
                },
                "microvm-exit-" + name);
        Runtime.getRuntime().addShutdownHook(thread);
    }

    /** Returns whether one has run, so that errors that follow from it are none. */
    static boolean hasBegun() {
        return begun;
    }

    /** Removes it. */
    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(thread);
        } catch (IllegalStateException e) {
            // The JVM is exiting: the hook runs, and finds nothing to do.
        }
    }
}
