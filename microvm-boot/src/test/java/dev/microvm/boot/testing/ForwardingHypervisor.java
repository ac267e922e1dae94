package dev.microvm.boot.testing;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Probe;
import java.util.List;
import java.util.Set;

/** A hypervisor that answers as another does; its machines are for a subclass to make. */
abstract class ForwardingHypervisor implements Hypervisor {
    final Hypervisor other;

    ForwardingHypervisor(Hypervisor other) {
        this.other = other;
    }

    @Override
    public final String name() {
        return other.name();
    }

    @Override
    public final Probe probe() {
        return other.probe();
    }

    @Override
    public final Set<Capability> capabilities(InterruptMode interruptMode) {
        return other.capabilities(interruptMode);
    }

    @Override
    public final List<CpuidEntry> supportedCpuid(GuestClock clock) {
        return other.supportedCpuid(clock);
    }
}
