package dev.microvm.sandbox.root;

import dev.microvm.error.MicroVmException;
import dev.microvm.sandbox.root.tree.RootContentException;

/** A root cannot be prepared: says which one, what is wrong with it, and what to do. */
public final class RootException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final String root;
    private final String problem;
    private final String remedy;

    RootException(String root, String problem, String remedy) {
        super("%s: %s; %s".formatted(root, problem, remedy));
        this.root = root;
        this.problem = problem;
        this.remedy = remedy;
    }

    RootException(String root, RootContentException cause) {
        super("%s: %s; %s".formatted(root, cause.problem(), cause.remedy()), cause);
        this.root = root;
        this.problem = cause.problem();
        this.remedy = cause.remedy();
    }

    /** Returns the root as it was described: {@code Root.tar(debian.tar)}. */
    public String root() {
        return root;
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
