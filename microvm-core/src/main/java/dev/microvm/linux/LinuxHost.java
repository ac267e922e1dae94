package dev.microvm.linux;

import dev.microvm.host.NativeAccess;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Whether functions of Linux can be called. To ask is safe on every host. */
public final class LinuxHost {
    private LinuxHost() {}

    /** Returns whether there is no {@link #problem}. */
    public static boolean usable() {
        return problem().isEmpty();
    }

    /**
     * Returns why they cannot be called, with the remedy if there is one: the host is not Linux, or
     * the JVM denies it. Empty if they can.
     */
    public static Optional<String> problem() {
        String system = System.getProperty("os.name");
        return system.equals("Linux")
                ? NativeAccess.denial(LinuxHost.class.getModule(), LinuxHost::restricted)
                : Optional.of("this host is " + system + ", not Linux");
    }

    /** Returns whether the JVM's processor is an x86-64 one. */
    public static boolean isX86() {
        return System.getProperty("os.arch").equals("amd64");
    }

    @SuppressWarnings("restricted") // that is what it is for; its result is not used
    private static void restricted() {
        MemorySegment.NULL.reinterpret(0);
    }
}
