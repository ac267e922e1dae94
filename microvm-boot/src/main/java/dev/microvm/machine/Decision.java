package dev.microvm.machine;

import dev.microvm.model.Feature;

/**
 * Whether a machine has a part.
 *
 * @param present whether the machine has it
 * @param why the reason in words, for {@code MicroVm.describe}
 */
public record Decision(boolean present, String why) {
    /**
     * Decides as the user asked.
     *
     * @param automatic the decision for {@link Feature#AUTO}
     */
    static Decision decide(Feature asked, Decision automatic) {
        return switch (asked) {
            case ON -> new Decision(true, "asked for");
            case OFF -> new Decision(false, "not wanted");
            case AUTO -> automatic;
        };
    }

    /** A decision of AUTO: the machine has the part. */
    static Decision present(String why) {
        return new Decision(true, "AUTO: " + why);
    }

    /** A decision of AUTO: the machine does not have the part. */
    static Decision absent(String why) {
        return new Decision(false, "AUTO: " + why);
    }
}
