package dev.microvm;

import dev.microvm.error.MicroVmException;
import java.util.List;

/**
 * A description cannot be built. Holds every problem found, each with the option, its value and the
 * remedy.
 */
public final class MicroVmConfigException extends MicroVmException {
    private static final long serialVersionUID = 1L;

    private final transient List<String> problems;

    MicroVmConfigException(List<String> problems) {
        super((problems.size() == 1 ? "1 problem:" : problems.size() + " problems:") + "\n  - "
                + String.join("\n  - ", problems));
        this.problems = List.copyOf(problems);
    }

    /** Returns the problems, one sentence each. */
    public List<String> problems() {
        return problems;
    }
}
