package dev.microvm.model;

import dev.microvm.hypervisor.HypervisorException;
import java.util.Locale;

/** What runs the vCPUs of a {@code MicroVm}. */
public enum HypervisorChoice {
    /** KVM where it can run an ordinary kernel; else the Java engine if it is installed. */
    AUTO,
    /** KVM, even where it runs small guests only. */
    KVM,
    /** The CPU written in Java, of module {@code microvm-engine}. */
    ENGINE;

    /** The system property that says it for machines whose builder was not told: {@code auto}, {@code kvm} or {@code engine}. */
    static final String PROPERTY = "microvm.hypervisor";

    /**
     * The choice of {@link #PROPERTY}; {@link #AUTO} if it is not set.
     *
     * @throws HypervisorException if it is none of the choices
     */
    public static HypervisorChoice ofProperty() {
        String given = System.getProperty(PROPERTY, AUTO.name());
        for (HypervisorChoice choice : values()) {
            if (choice.name().equals(given.toUpperCase(Locale.ROOT))) return choice;
        }
        throw new HypervisorException(
                "the system property %s is \"%s\": set it to auto, kvm or engine".formatted(PROPERTY, given));
    }
}
