package dev.microvm.engine.system;

/**
 * How a guest's code ended.
 *
 * @param vector of the exception or interrupt, or {@link #DONE} or {@link #SHUTDOWN}
 * @param error the error code that was pushed, or {@link #NO_ERROR}
 * @param rip where the handler would return to; where the code is, if there was no exception
 * @param cs the code segment it would return to
 * @param flags RFLAGS as pushed
 */
record End(int vector, int error, long rip, int cs, long flags) {
    /** The code ended itself: OUT to port 0xf4. */
    static final int DONE = -1;

    /** A triple fault. */
    static final int SHUTDOWN = -2;

    static final int NO_ERROR = -1;

    @Override
    public String toString() {
        return switch (vector) {
            case DONE -> "done";
            case SHUTDOWN -> "shutdown";
            default ->
                "vector %d%s at %x".formatted(vector, error == NO_ERROR ? "" : ", error %x".formatted(error), rip);
        };
    }
}
