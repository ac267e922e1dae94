package dev.microvm.machine;

import dev.microvm.devices.irqchip.I8259Pic;
import dev.microvm.devices.irqchip.IoApic;
import dev.microvm.devices.irqchip.MsiSink;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.irq.InterruptController;
import dev.microvm.irq.IrqLine;
import dev.microvm.model.Irqchip;
import dev.microvm.vcpu.VcpuLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The wiring of {@link Irqchip#SPLIT}: IOAPICs and PICs are devices of the machine, local APICs
 * belong to the hypervisor.
 *
 * <p>An ISA interrupt goes to its PIC input and to the IOAPIC pin of the same number, except for
 * the timer, whose pin is 2. Global system interrupts from 24 on are the pins of a second IOAPIC,
 * if there is one. The IOAPICs send messages. They also give each message to the hypervisor as a
 * route, so that it reports the end of level-triggered interrupts and delivers edges by itself. The
 * PICs interrupt the first vCPU. Any thread may drive a line.
 */
public final class SplitInterrupts implements Interrupts, InterruptController {
    /** The pin of the timer, as on most PCs. */
    public static final int TIMER_PIN = 2;

    private static final int MSI_LEVEL = 1 << 15; // trigger mode: Intel SDM vol. 3A, 11.11.2
    private static final int ISA_IRQS = 16;
    private static final int TIMER_IRQ = 0;
    private static final int CASCADE_IRQ = 2;

    private final VirtualMachine vm;
    private final List<IoApic> ioApics;
    private final @Nullable I8259Pic pic;
    private final Map<Integer, IrqRoute> routes = new TreeMap<>(); // by GSI; guarded by itself
    private final @Nullable IrqLine[] edgeLines; // by GSI; set before any vCPU runs
    private volatile boolean intr;
    private volatile @Nullable VcpuLoop firstVcpu;

    /**
     * Makes the controllers.
     *
     * @param hasPic whether there are PICs
     * @param hasSecondIoApic whether there are two IOAPICs; the second has the GSIs from {@link
     *     PcLayout#SECOND_IOAPIC_GSI} on
     */
    SplitInterrupts(VirtualMachine vm, boolean hasPic, boolean hasSecondIoApic) {
        this.vm = vm;
        this.pic = hasPic ? new I8259Pic(this::intr) : null;
        IoApic first = new IoApic(new Messages(0), 0, IoApic.PC_PINS);
        IoApic second = new IoApic(new Messages(PcLayout.SECOND_IOAPIC_GSI), 1, IoApic.PC_PINS);
        ioApics = hasSecondIoApic ? List.of(first, second) : List.of(first);
        edgeLines = new IrqLine[ioApics.size() * IoApic.PC_PINS];
    }

    @Override
    public List<Part> parts() {
        List<Part> parts = new ArrayList<>();
        parts.add(Part.of(PcPart.IOAPIC.plan(), ioApics.getFirst()));
        if (ioApics.size() > 1) parts.add(Part.of(PcPart.SECOND_IOAPIC.plan(), ioApics.getLast()));
        if (pic != null) {
            parts.add(new Part(PcPart.PIC.plan(), List.of(pic.master(), pic.slave(), pic.elcr()), pic));
        }
        return parts;
    }

    /** Returns the IOAPICs, one or two. */
    List<IoApic> ioApics() {
        return ioApics;
    }

    /** Tells the IOAPICs that a local APIC ended a level-triggered interrupt of this vector. */
    void endOfInterrupt(int vector) {
        for (IoApic each : ioApics) each.endOfInterrupt(vector);
    }

    @Override
    public IrqLine line(int gsi) {
        IrqLine pin = gsi < PcLayout.SECOND_IOAPIC_GSI
                ? ioApics.getFirst().pin(gsi == TIMER_IRQ ? TIMER_PIN : gsi)
                : ioApics.getLast().pin(gsi - PcLayout.SECOND_IOAPIC_GSI);
        if (pic == null || gsi >= ISA_IRQS || gsi == CASCADE_IRQ) return pin;
        IrqLine input = pic.input(gsi);
        return level -> {
            input.set(level);
            pin.set(level);
        };
    }

    @Override
    public IrqLine edgeLine(int gsi) {
        edgeLines[gsi] = vm.edgeLine(gsi);
        return line(gsi);
    }

    @Override
    public @Nullable InterruptController externalInterrupts() {
        return pic == null ? null : this;
    }

    @Override
    public void connect(VcpuLoop vcpu) {
        firstVcpu = vcpu;
    }

    private void intr(boolean level) {
        intr = level;
        VcpuLoop vcpu = firstVcpu;
        if (level && vcpu != null) vcpu.interruptRaised();
    }

    @Override
    public boolean pending() {
        return intr;
    }

    @Override
    public int acknowledge() {
        if (pic == null) throw new IllegalStateException("there is no PIC to offer interrupts");
        return pic.acknowledge();
    }

    /** Delivers the messages of an IOAPIC. */
    private final class Messages implements MsiSink {
        private final int firstGsi;

        Messages(int firstGsi) {
            this.firstGsi = firstGsi;
        }

        @Override
        public void signal(long address, int data) {
            vm.signalMsi(address, data);
        }

        @Override
        public void edge(int pin, long address, int data) {
            IrqLine line = edgeLines[firstGsi + pin];
            if (line == null) vm.signalMsi(address, data);
            else line.pulse(); // by the pin's route
        }

        /**
         * Keeps the route of a level-triggered pin while it is masked. Its interrupt may be in
         * service, and the hypervisor reports the end of an interrupt only if it has a route. The
         * route sends nothing: levels are sent by {@link #signal}.
         */
        @Override
        public void route(int pin, boolean masked, long address, int data) {
            int gsi = firstGsi + pin;
            boolean level = (data & MSI_LEVEL) != 0;
            IrqRoute now = masked && !level ? null : new IrqRoute.Msi(gsi, address, data);
            synchronized (routes) {
                IrqRoute before = now == null ? routes.remove(gsi) : routes.put(gsi, now);
                if (!Objects.equals(now, before)) vm.routes(List.copyOf(routes.values()));
            }
        }
    }
}
