package dev.microvm.model;

import dev.microvm.hypervisor.HypervisorException;
import java.util.Locale;

/** What runs the vCPUs of a {@code MicroVm}. */
public enum HypervisorChoice {
    /** KVM if it can run an ordinary kernel; otherwise the Java engine, if it is installed. */
    AUTO,
    /**
     * KVM, even if it can run small guests only; an ordinary kernel is then refused, unless the
     * system property {@code microvm.kvm.anyKernel} is {@code true}.
     */
    KVM,
    /** The CPU emulator in Java, module {@code microvm-engine}. */
    ENGINE;

    /**
     * The system property with the choice for machines whose description has none: {@code auto},
     * {@code kvm} or {@code engine}.
     */
    static final String PROPERTY = "microvm.hypervisor";

    /**
     * Returns the choice in the system property {@code microvm.hypervisor}: {@code auto}, {@code
     * kvm} or {@code engine}; {@link #AUTO} if it is not set.
     *
     * @throws HypervisorException if the property has another value
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
