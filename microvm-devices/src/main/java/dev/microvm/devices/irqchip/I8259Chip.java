package dev.microvm.devices.irqchip;

import static dev.microvm.devices.irqchip.I8259Registers.*;
import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.microvm.state.DeviceState;

/**
 * One 8259A. Guarded by the lock of its {@link I8259Pic}.
 *
 * <p>An edge is remembered until it is acknowledged, even if its line falls before. KVM and QEMU do
 * the same, and devices that pulse their line rely on it. The 8080 mode of the data sheet is not
 * emulated: without ICW4 the chip works as with an ICW4 of zero, except for the vector.
 */
final class I8259Chip {
    /**
     * The next word at A0 = 1: the words of an initialization in their order, and after them the
     * mask.
     */
    private enum Expected {
        ICW1, // from power-on: a mask may be written, but nothing interrupts
        ICW2,
        ICW3,
        ICW4,
        OCW1
    }

    /** Returned by {@link #highestRequest} if no request may interrupt. */
    private static final int NONE = -1;

    private Expected expected = Expected.ICW1;
    private boolean single;
    private boolean icw4Comes;
    private int vectorBase;
    private int slaves; // ICW3 of a master: inputs that have one
    private boolean autoEoi;
    private boolean specialFullyNested;
    private boolean levelTriggered; // ICW1: all inputs
    private int elcr; // inputs that are level-triggered

    private int lines; // levels of the inputs
    private int irr;
    private int isr;
    private int imr;
    private int lowestPriority = INPUTS - 1; // the input after it has the highest
    private boolean rotateOnAutoEoi;
    private boolean specialMask;
    private boolean readIsr;
    private boolean poll;

    // ---- inputs and output

    void setInput(int input, boolean level) {
        int bit = 1 << input;
        boolean rises = level && (lines & bit) == 0;
        lines = level ? lines | bit : lines & ~bit;
        if ((levelInputs() & bit) != 0) {
            irr = level ? irr | bit : irr & ~bit;
        } else if (rises) {
            irr |= bit;
        }
    }

    /** Returns the level of INT, which is low until the chip is initialized. */
    boolean interrupts() {
        return expected == Expected.OCW1 && highestRequest() != NONE;
    }

    /**
     * Performs the chip's part of an INTA cycle: puts the highest request in service.
     *
     * @return the input, 0 to 7, or {@link I8259Registers#SPURIOUS} if there is no request
     */
    int acknowledge() {
        int input = highestRequest();
        if (input == NONE) return SPURIOUS;
        int bit = 1 << input;
        irr &= ~bit | levelInputs(); // a level stays as long as the line
        if (!autoEoi) {
            isr |= bit;
        } else if (rotateOnAutoEoi) {
            lowestPriority = input;
        }
        return input;
    }

    boolean hasSlaveAt(int input) {
        return !single && (slaves & (1 << input)) != 0;
    }

    int vector(int input) {
        return vectorBase | input;
    }

    // ---- registers

    /** Returns whether the next read is a poll, which acknowledges. */
    boolean polled() {
        return poll;
    }

    int read(int offset) {
        if (poll) {
            poll = false;
            int input = interrupts() ? acknowledge() : NONE;
            return input == NONE ? 0 : POLL_REQUEST | input;
        }
        if (offset == MASK) return imr;
        return readIsr ? isr : irr;
    }

    void write(int offset, int value) {
        if (offset == MASK) writeMaskOrIcw(value);
        else if ((value & ICW1) != 0) initialize(value);
        else if ((value & OCW3) != 0) writeOcw3(value);
        else writeOcw2(value >> OCW2_COMMAND_SHIFT, value & OCW2_LEVEL);
    }

    int elcr() {
        return elcr;
    }

    void elcr(int value) {
        elcr = value;
        irr = (irr & ~levelInputs()) | (lines & levelInputs());
    }

    /** Returns to the state after power-on. Lines keep their levels. */
    void reset() {
        initialize(0);
        expected = Expected.ICW1;
        vectorBase = 0;
        slaves = 0;
        elcr = 0;
        irr = 0;
    }

    private void initialize(int icw1) {
        single = (icw1 & ICW1_SNGL) != 0;
        icw4Comes = (icw1 & ICW1_IC4) != 0;
        levelTriggered = (icw1 & ICW1_LTIM) != 0;
        irr = lines & levelInputs(); // an edge must come anew
        isr = 0;
        imr = 0;
        lowestPriority = INPUTS - 1;
        rotateOnAutoEoi = false;
        specialMask = false;
        readIsr = false;
        poll = false;
        autoEoi = false;
        specialFullyNested = false;
        expected = Expected.ICW2;
    }

    private void writeMaskOrIcw(int value) {
        switch (expected) {
            case ICW2 -> {
                vectorBase = value & ICW2_VECTOR;
                expected = single ? afterIcw3() : Expected.ICW3;
            }
            case ICW3 -> {
                slaves = value;
                expected = afterIcw3();
            }
            case ICW4 -> {
                autoEoi = (value & ICW4_AEOI) != 0;
                specialFullyNested = (value & ICW4_SFNM) != 0;
                expected = Expected.OCW1;
            }
            case ICW1, OCW1 -> imr = value;
        }
    }

    private Expected afterIcw3() {
        return icw4Comes ? Expected.ICW4 : Expected.OCW1;
    }

    private void writeOcw2(int command, int level) {
        switch (command) {
            case OCW2_ROTATE_AEOI_CLEAR -> rotateOnAutoEoi = false;
            case OCW2_ROTATE_AEOI_SET -> rotateOnAutoEoi = true;
            case OCW2_EOI -> endHighest();
            case OCW2_ROTATE_EOI -> {
                int ended = endHighest();
                if (ended != NONE) lowestPriority = ended;
            }
            case OCW2_SPECIFIC_EOI -> isr &= ~(1 << level);
            case OCW2_ROTATE_SPECIFIC_EOI -> {
                isr &= ~(1 << level);
                lowestPriority = level;
            }
            case OCW2_SET_PRIORITY -> lowestPriority = level;
            default -> {} // 0b010, no operation
        }
    }

    private void writeOcw3(int value) {
        if ((value & OCW3_ESMM) != 0) specialMask = (value & OCW3_SMM) != 0;
        if ((value & OCW3_P) != 0) poll = true;
        if ((value & OCW3_RR) != 0) readIsr = (value & OCW3_RIS) != 0;
    }

    /** Performs a non-specific end of interrupt; returns the input, or {@link #NONE}. */
    private int endHighest() {
        int input = highest(specialMask ? isr & ~imr : isr); // masked ones are passed over in special mask mode
        if (input != NONE) isr &= ~(1 << input);
        return input;
    }

    // ---- priorities

    private int levelInputs() {
        return levelTriggered ? 0xff : elcr;
    }

    /** Returns the input of {@code set} with the highest priority, or {@link #NONE}. */
    private int highest(int set) {
        for (int i = 1; i <= INPUTS; i++) {
            int input = (lowestPriority + i) % INPUTS;
            if ((set & (1 << input)) != 0) return input;
        }
        return NONE;
    }

    /** Returns the priority of an input; 0 is the highest. */
    private int priority(int input) {
        return Math.floorMod(input - lowestPriority - 1, INPUTS);
    }

    /** Returns the request that may interrupt the one in service, or {@link #NONE}. */
    private int highestRequest() {
        int request = highest(irr & ~imr);
        if (request == NONE) return NONE;
        int inService = highest(specialMask ? isr & ~imr : isr);
        if (inService == NONE || priority(request) < priority(inService)) return request;
        // In special fully nested mode a slave may interrupt with what is higher within it.
        return request == inService && specialFullyNested && hasSlaveAt(request) ? request : NONE;
    }

    // ---- state

    void save(DeviceState to, String prefix) {
        to.put(prefix + "expected", expected.name().getBytes(US_ASCII))
                .put(prefix + "single", single)
                .put(prefix + "icw4Comes", icw4Comes)
                .put(prefix + "vectorBase", vectorBase)
                .put(prefix + "slaves", slaves)
                .put(prefix + "autoEoi", autoEoi)
                .put(prefix + "specialFullyNested", specialFullyNested)
                .put(prefix + "levelTriggered", levelTriggered)
                .put(prefix + "elcr", elcr)
                .put(prefix + "lines", lines)
                .put(prefix + "irr", irr)
                .put(prefix + "isr", isr)
                .put(prefix + "imr", imr)
                .put(prefix + "lowestPriority", lowestPriority)
                .put(prefix + "rotateOnAutoEoi", rotateOnAutoEoi)
                .put(prefix + "specialMask", specialMask)
                .put(prefix + "readIsr", readIsr)
                .put(prefix + "poll", poll);
    }

    void restore(DeviceState from, String prefix) {
        expected = Expected.valueOf(new String(from.bytes(prefix + "expected"), US_ASCII));
        single = from.flag(prefix + "single");
        icw4Comes = from.flag(prefix + "icw4Comes");
        vectorBase = from.integer(prefix + "vectorBase") & ICW2_VECTOR;
        slaves = from.integer(prefix + "slaves") & 0xff;
        autoEoi = from.flag(prefix + "autoEoi");
        specialFullyNested = from.flag(prefix + "specialFullyNested");
        levelTriggered = from.flag(prefix + "levelTriggered");
        elcr = from.integer(prefix + "elcr") & 0xff;
        lines = from.integer(prefix + "lines") & 0xff;
        irr = from.integer(prefix + "irr") & 0xff;
        isr = from.integer(prefix + "isr") & 0xff;
        imr = from.integer(prefix + "imr") & 0xff;
        lowestPriority = Math.floorMod(from.integer(prefix + "lowestPriority"), INPUTS);
        rotateOnAutoEoi = from.flag(prefix + "rotateOnAutoEoi");
        specialMask = from.flag(prefix + "specialMask");
        readIsr = from.flag(prefix + "readIsr");
        poll = from.flag(prefix + "poll");
    }
}
