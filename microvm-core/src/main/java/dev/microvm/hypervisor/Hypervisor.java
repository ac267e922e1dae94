package dev.microvm.hypervisor;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;

/** One way to run virtual CPUs. Implementations keep no state of their own; any thread may call. */
public interface Hypervisor {
    /** A short name by which users choose it, in lower case: {@code "kvm"}. */
    String name();

    /** Whether it can be used on this host now, and if not, why and what to do. Opens nothing that stays open. */
    Probe probe();

    /**
     * What {@link VirtualMachine#supports} will say of a machine with its interrupt controllers there; empty if none can
     * be made. Opens nothing that stays open.
     */
    Set<Capability> capabilities(InterruptMode interruptMode);

    /**
     * What {@link VirtualMachine#supportedCpuid} will say of a machine with such a clock; empty if none can be made. Opens
     * nothing that stays open.
     */
    List<CpuidEntry> supportedCpuid(GuestClock clock);

    /**
     * Makes an empty virtual machine: no memory, no vCPU.
     *
     * @param name of the machine, used in the names of its threads
     * @param interruptMode where its interrupt controllers are
     * @param clock by what its time passes; all but the host's clock needs {@link Capability#INSTRUCTION_CLOCK}
     * @throws HypervisorException if it cannot be used, with reason and remedy
     */
    VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock);

    /** The same with the host's clock. */
    default VirtualMachine createVm(String name, InterruptMode interruptMode) {
        return createVm(name, interruptMode, GuestClock.HOST);
    }

    /** All hypervisors that are installed, in no particular order. */
    static List<Hypervisor> installed() {
        return ServiceLoader.load(Hypervisor.class, Hypervisor.class.getClassLoader()).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
    }
}
