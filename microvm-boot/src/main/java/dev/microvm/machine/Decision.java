package dev.microvm.machine;

import dev.microvm.model.Feature;

/**
 * Whether a machine has a part.
 *
 * @param present whether it has
 * @param why it has or has not, in words, for {@code MicroVm.describe}
 */
public record Decision(boolean present, String why) {
    /**
     * The part, as the user asked for it.
     *
     * @param automatic whether it is there, and why, if the user left it to the machine
     */
    static Decision decide(Feature asked, Decision automatic) {
        return switch (asked) {
            case ON -> new Decision(true, "asked for");
            case OFF -> new Decision(false, "not wanted");
            case AUTO -> automatic;
        };
    }

    /** What AUTO comes to: there. */
    static Decision present(String why) {
        return new Decision(true, "AUTO: " + why);
    }

    /** What AUTO comes to: not there. */
    static Decision absent(String why) {
        return new Decision(false, "AUTO: " + why);
    }
}
