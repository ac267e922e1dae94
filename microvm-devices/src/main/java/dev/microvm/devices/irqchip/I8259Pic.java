package dev.microvm.devices.irqchip;

import static dev.microvm.devices.irqchip.I8259Registers.*;

import dev.microvm.devices.legacy.ByteDevice;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;

/**
 * A PC's two 8259A interrupt controllers, the second behind input 2 of the first, and their edge/level control registers.
 * Any thread may call.
 *
 * <p>The way of an interrupt: a device drives {@link #input}; the pair drives the line it was given; whoever is at its other
 * end calls {@link #acknowledge} when the CPU takes the interrupt, and gets the vector; the guest ends it by a command.
 */
public final class I8259Pic implements Stateful {
    private static final String STATE_TYPE = "i8259";
    private static final int STATE_VERSION = 1;
    private static final int IRQS = 2 * INPUTS;

    private final IrqLine intr;
    private final I8259Chip master = new I8259Chip();
    private final I8259Chip slave = new I8259Chip();
    private final ByteDevice masterPorts = ports(master);
    private final ByteDevice slavePorts = ports(slave);
    private final ByteDevice elcrPorts = new ElcrPorts();
    private boolean intrLevel;

    /**
     * Makes a pair that waits to be initialized.
     *
     * @param intr the CPU's INTR; high while an interrupt waits. Called under the pair's lock: must not wait for another
     *     thread that calls the pair
     */
    public I8259Pic(IrqLine intr) {
        this.intr = intr;
    }

    /** Command and mask ports of the first chip, as a PC has them at 0x20 and 0x21. */
    public ByteDevice master() {
        return masterPorts;
    }

    /** Command and mask ports of the second chip, as a PC has them at 0xa0 and 0xa1. */
    public ByteDevice slave() {
        return slavePorts;
    }

    /** The two edge/level control registers, as a PC has them at 0x4d0 and 0x4d1. */
    public ByteDevice elcr() {
        return elcrPorts;
    }

    /**
     * The wire of an interrupt request.
     *
     * @param irq 0 to 15 but for 2, where the second chip is
     */
    public IrqLine input(int irq) {
        if (irq < 0 || irq >= IRQS || irq == CASCADE_INPUT) {
            throw new IllegalArgumentException("IRQ %d: must be 0 to 15 and not 2".formatted(irq));
        }
        return level -> setInput(irq, level);
    }

    /**
     * The CPU's interrupt acknowledge cycle: puts the highest request in service.
     *
     * @return its vector, 0 to 255; that of input 7 of a chip if its request is gone
     */
    public synchronized int acknowledge() {
        int input = master.acknowledge();
        int vector = master.vector(input);
        if (input == CASCADE_INPUT && master.hasSlaveAt(input)) {
            vector = slave.vector(slave.acknowledge());
            master.setInput(CASCADE_INPUT, false); // INT falls in the cycle, so what waits behind makes a new edge
        }
        update();
        return vector;
    }

    /** As at power-on. */
    public synchronized void reset() {
        master.reset();
        slave.reset();
        update();
    }

    private synchronized void setInput(int irq, boolean level) {
        if (irq < INPUTS) master.setInput(irq, level);
        else slave.setInput(irq - INPUTS, level);
        update();
    }

    private void update() {
        master.setInput(CASCADE_INPUT, slave.interrupts());
        boolean level = master.interrupts();
        if (level == intrLevel) return;
        intrLevel = level;
        intr.set(level);
    }

    private synchronized int readPort(I8259Chip chip, int offset) {
        if (offset > MASK) return OPEN_BUS;
        if (chip == slave && chip.polled()) master.setInput(CASCADE_INPUT, false); // as in an acknowledge cycle
        int value = chip.read(offset);
        update();
        return value;
    }

    private synchronized void writePort(I8259Chip chip, int offset, int value) {
        if (offset <= MASK) chip.write(offset, value);
        update();
    }

    private ByteDevice ports(I8259Chip chip) {
        return new ByteDevice() {
            @Override
            public int readByte(int offset) {
                return readPort(chip, offset);
            }

            @Override
            public void writeByte(int offset, int value) {
                writePort(chip, offset, value);
            }
        };
    }

    /** Offset 0 is the first chip's register, 1 the second's. */
    private final class ElcrPorts implements ByteDevice {
        @Override
        public int readByte(int offset) {
            synchronized (I8259Pic.this) {
                return switch (offset) {
                    case 0 -> master.elcr();
                    case 1 -> slave.elcr();
                    default -> OPEN_BUS;
                };
            }
        }

        @Override
        public void writeByte(int offset, int value) {
            synchronized (I8259Pic.this) {
                if (offset == 0) master.elcr(value & ELCR_MASTER);
                if (offset == 1) slave.elcr(value & ELCR_SLAVE);
                update();
            }
        }
    }

    @Override
    public synchronized DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION);
        master.save(state, "master.");
        slave.save(state, "slave.");
        return state;
    }

    @Override
    public synchronized void restore(DeviceState state) {
        state.require(STATE_TYPE, STATE_VERSION);
        master.restore(state, "master.");
        slave.restore(state, "slave.");
        update();
    }
}
