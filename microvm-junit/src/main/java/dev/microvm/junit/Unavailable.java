package dev.microvm.junit;

/** Says what happens to tests on a host that can run no guest. */
public enum Unavailable {
    /**
     * As the configuration parameter or system property {@value #PARAMETER} says: {@code skip}, the
     * default, or {@code fail}.
     */
    CONFIGURED,
    /** The tests are skipped, with the reason. */
    SKIP,
    /** The class fails, with the reason. */
    FAIL;

    /** The name of the configuration parameter. */
    public static final String PARAMETER = "microvm.junit.unavailable";
}
