package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;

import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.kvm.generated.kvm_irq_routing;
import dev.microvm.kvm.generated.kvm_irq_routing_entry;
import dev.microvm.kvm.generated.kvm_irq_routing_irqchip;
import dev.microvm.kvm.generated.kvm_irq_routing_msi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** {@link IrqRoute}s as the struct of KVM_SET_GSI_ROUTING: api.rst 4.52. */
final class KvmRoutes {
    private KvmRoutes() {}

    static MemorySegment encode(List<IrqRoute> routes, Arena arena) {
        long entrySize = kvm_irq_routing_entry.sizeof();
        MemorySegment table = arena.allocate(kvm_irq_routing.sizeof() + routes.size() * entrySize, Long.BYTES);
        kvm_irq_routing.nr(table, routes.size());
        long at = kvm_irq_routing.sizeof();
        for (IrqRoute route : routes) {
            encode(route, table.asSlice(at, entrySize));
            at += entrySize;
        }
        return table;
    }

    private static void encode(IrqRoute route, MemorySegment entry) {
        kvm_irq_routing_entry.gsi(entry, route.gsi());
        MemorySegment to = kvm_irq_routing_entry.u(entry);
        switch (route) {
            case IrqRoute.Pin pin -> {
                kvm_irq_routing_entry.type(entry, KVM_IRQ_ROUTING_IRQCHIP);
                kvm_irq_routing_irqchip.irqchip(to, chip(pin.chip()));
                kvm_irq_routing_irqchip.pin(to, pin.pin());
            }
            case IrqRoute.Msi msi -> {
                kvm_irq_routing_entry.type(entry, KVM_IRQ_ROUTING_MSI);
                kvm_irq_routing_msi.address_lo(to, (int) msi.address());
                kvm_irq_routing_msi.address_hi(to, (int) (msi.address() >>> 32));
                kvm_irq_routing_msi.data(to, msi.data());
            }
        }
    }

    private static int chip(IrqRoute.Chip chip) {
        return switch (chip) {
            case PIC_MASTER -> KVM_IRQCHIP_PIC_MASTER;
            case PIC_SLAVE -> KVM_IRQCHIP_PIC_SLAVE;
            case IOAPIC -> KVM_IRQCHIP_IOAPIC;
        };
    }
}
