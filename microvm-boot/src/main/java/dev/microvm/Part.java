package dev.microvm;

/**
 * Whether a machine has a part.
 *
 * @param present whether it has
 * @param why it has or has not, in words, for {@link MicroVm#describe}
 */
record Part(boolean present, String why) {
    /**
     * The part, as the user asked for it.
     *
     * @param automatic whether it is there, and why, if the user left it to the machine
     */
    static Part decide(Feature asked, Part automatic) {
        return switch (asked) {
            case ON -> new Part(true, "asked for");
            case OFF -> new Part(false, "not wanted");
            case AUTO -> automatic;
        };
    }

    /** What AUTO comes to: there. */
    static Part present(String why) {
        return new Part(true, "AUTO: " + why);
    }

    /** What AUTO comes to: not there. */
    static Part absent(String why) {
        return new Part(false, "AUTO: " + why);
    }
}
