package dev.microvm.junit;

/**
 * Describes the guest of parameters, and of fields without a value. A class with a constructor
 * without parameters; named by {@link MicroVms#guest}, or for the whole run by the configuration
 * parameter or system property {@value #PARAMETER}.
 */
@FunctionalInterface
public interface GuestProvider {
    /** The name of the configuration parameter with the class for the whole run. */
    String PARAMETER = "microvm.junit.guest";

    /** Returns a new description, not started. Any thread may call. */
    GuestVm guest();
}
