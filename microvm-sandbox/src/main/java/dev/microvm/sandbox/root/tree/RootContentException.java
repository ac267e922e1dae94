package dev.microvm.sandbox.root.tree;

import dev.microvm.error.MicroVmException;

/** What is to become a root cannot become one: it is hostile, broken, or more than a guest can use. */
public final class RootContentException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final String problem;
    private final String remedy;

    /**
     * Makes the exception.
     *
     * @param problem what is wrong, with names and numbers
     * @param remedy what to do about it
     */
    public RootContentException(String problem, String remedy) {
        super(problem + "; " + remedy);
        this.problem = problem;
        this.remedy = remedy;
    }

    /** Makes the exception with its cause. */
    public RootContentException(String problem, String remedy, Throwable cause) {
        super(problem + "; " + remedy, cause);
        this.problem = problem;
        this.remedy = remedy;
    }

    /** Returns what is wrong. */
    public String problem() {
        return problem;
    }

    /** Returns what to do about it. */
    public String remedy() {
        return remedy;
    }
}
