package dev.microvm.hypervisor;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import java.util.List;
import java.util.Objects;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;

/** One way to run virtual CPUs. Implementations are stateless; any thread may call. */
public interface Hypervisor {
    /** Returns the short lower-case name by which users choose it, for example {@code "kvm"}. */
    String name();

    /**
     * Finds out whether the hypervisor can be used on this host now. If not, the result says why
     * and what to do. Leaves nothing open.
     */
    Probe probe();

    /**
     * Returns the capabilities that {@link VirtualMachine#supports} reports for machines of an
     * interrupt mode; empty if no machine can be created. Leaves nothing open.
     */
    Set<Capability> capabilities(InterruptMode interruptMode);

    /**
     * Returns the table that {@link VirtualMachine#supportedCpuid} reports for machines with this
     * clock; empty if no machine can be created. Leaves nothing open.
     */
    List<CpuidEntry> supportedCpuid(GuestClock clock);

    /**
     * Creates a virtual machine without memory and vCPUs.
     *
     * @param name name of the machine, used in the names of its threads
     * @param interruptMode where its interrupt controllers are
     * @param clock source of its time; every clock but {@link GuestClock#HOST} needs
     *     {@link Capability#INSTRUCTION_CLOCK}
     * @throws HypervisorException if the hypervisor cannot be used; the message has reason and
     *     remedy
     */
    VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock);

    /**
     * Creates a virtual machine without memory and vCPUs that uses the host's clock; throws
     * {@link HypervisorException} if the hypervisor cannot be used.
     */
    default VirtualMachine createVm(String name, InterruptMode interruptMode) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(interruptMode, "interruptMode");
        return createVm(name, interruptMode, GuestClock.HOST);
    }

    /**
     * Returns all installed hypervisors, in no particular order.
     *
     * @throws HypervisorException if one cannot be loaded, such as because its service file was
     *     damaged when jars were merged into one
     */
    static List<Hypervisor> installed() {
        try {
            return ServiceLoader.load(Hypervisor.class, Hypervisor.class.getClassLoader()).stream()
                    .map(ServiceLoader.Provider::get)
                    .toList();
        } catch (ServiceConfigurationError e) {
            throw new HypervisorException(
                    "a hypervisor cannot be loaded: " + e.getMessage()
                            + ": if jars were merged into one, keep the classes of microvm and merge META-INF/services",
                    e);
        }
    }
}
