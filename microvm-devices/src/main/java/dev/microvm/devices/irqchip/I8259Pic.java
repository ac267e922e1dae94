package dev.microvm.devices.irqchip;

import static dev.microvm.devices.irqchip.I8259Registers.*;

import dev.microvm.devices.legacy.ByteDevice;
import dev.microvm.irq.IrqLine;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.util.Objects;

/**
 * The two 8259A interrupt controllers of a PC, the second on input 2 of the first, and their
 * edge/level control registers. Any thread may call.
 *
 * <p>An interrupt takes four steps. A device drives {@link #input}. The pair drives INTR. The owner
 * of INTR calls {@link #acknowledge} when the CPU takes the interrupt, and gets the vector. The
 * guest ends the interrupt by a command.
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
     * @param intr INTR of the CPU, high while an interrupt waits; called under the pair's lock, so
     *     it must not wait for a thread that calls the pair
     */
    public I8259Pic(IrqLine intr) {
        this.intr = Objects.requireNonNull(intr, "intr");
    }

    /** Returns the command and mask ports of the first chip, on a PC 0x20 and 0x21. */
    public ByteDevice master() {
        return masterPorts;
    }

    /** Returns the command and mask ports of the second chip, on a PC 0xa0 and 0xa1. */
    public ByteDevice slave() {
        return slavePorts;
    }

    /** Returns the two edge/level control registers, on a PC 0x4d0 and 0x4d1. */
    public ByteDevice elcr() {
        return elcrPorts;
    }

    /**
     * Returns the line of an interrupt request.
     *
     * @param irq number of the request, 0 to 15 except 2, the input of the second chip
     * @throws IllegalArgumentException for another number
     */
    public IrqLine input(int irq) {
        if (irq < 0 || irq >= IRQS || irq == CASCADE_INPUT) {
            throw new IllegalArgumentException("IRQ %d: must be 0 to 15 and not 2".formatted(irq));
        }
        return level -> setInput(irq, level);
    }

    /**
     * Performs the interrupt acknowledge cycle of the CPU: puts the highest request in service.
     *
     * @return its vector, 0 to 255; the vector of input 7 of a chip if its request no longer exists
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

    /** Returns to the state after power-on. */
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
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        master.restore(state, "master.");
        slave.restore(state, "slave.");
        update();
    }
}
