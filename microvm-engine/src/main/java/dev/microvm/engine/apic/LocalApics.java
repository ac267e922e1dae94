package dev.microvm.engine.apic;

import static dev.microvm.engine.apic.ApicRegisters.*;

import dev.microvm.clock.Timers;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The local APICs of one machine and the bus between them: interprocessor interrupts, messages from
 * devices, and ends of level-triggered interrupts. Any thread may call; sending allocates nothing.
 *
 * <p>Not emulated: remapping, so that a message from a device reaches APIC IDs 0 to 254 only.
 */
public final class LocalApics {
    private final IntConsumer endOfInterrupt;
    private final AtomicInteger turn = new AtomicInteger(); // among equals for lowest priority
    private volatile @Nullable LocalApic[] byId = {};

    /**
     * Makes a bus without APICs.
     *
     * @param endOfInterrupt told the vector of each level-triggered interrupt that ends: what an
     *     IOAPIC wants to know
     */
    public LocalApics(IntConsumer endOfInterrupt) {
        this.endOfInterrupt = endOfInterrupt;
    }

    /**
     * Adds an APIC as after power-on.
     *
     * @param id its APIC ID, from 0, in use by no other; 0 is the bootstrap processor's
     * @param timers the time its timer counts
     * @param tscToNanos when the guest's time-stamp counter is, or was, at a value, on the clock of
     *     {@code timers}; {@link Long#MAX_VALUE} for a time too far away
     * @param wake called, on any thread and outside of locks, when {@link LocalApic#events} has a
     *     new bit; must not block
     */
    public synchronized LocalApic add(int id, Timers timers, LongUnaryOperator tscToNanos, Runnable wake) {
        if (id < 0 || (id < byId.length && byId[id] != null)) {
            throw new IllegalArgumentException("APIC ID %d: must be 0 or more and not in use".formatted(id));
        }
        LocalApic apic = new LocalApic(this, id, timers, tscToNanos, wake);
        @Nullable LocalApic[] more = Arrays.copyOf(byId, Math.max(byId.length, id + 1));
        more[id] = apic;
        byId = more;
        return apic;
    }

    /** Takes an APIC off the bus; its timer stops. */
    public synchronized void remove(LocalApic apic) {
        @Nullable LocalApic[] fewer = byId.clone();
        fewer[apic.id()] = null;
        byId = fewer;
        apic.reset();
    }

    /**
     * Delivers a message-signalled interrupt: 11.11.
     *
     * @param address 0xfeexxxxx; others are no interrupt
     * @param data vector, delivery mode and trigger mode
     * @return whether an APIC took it
     */
    public boolean signalMsi(long address, int data) {
        if ((address & MSI_ADDRESS_MASK) != MSI_ADDRESS) return false;
        int destination = (int) (address >> MSI_DESTINATION_SHIFT) & BROADCAST_8;
        if (destination == BROADCAST_8) destination = BROADCAST_32;
        int mode = (data >> DELIVERY_MODE_SHIFT) & DELIVERY_MODE;
        if ((address & MSI_REDIRECT) != 0 && mode == FIXED) mode = LOWEST_PRIORITY;
        return send(destination, (address & MSI_LOGICAL) != 0, mode, data & VECTOR, (data & MSI_LEVEL) != 0);
    }

    void endOfInterrupt(int vector) {
        endOfInterrupt.accept(vector);
    }

    /** Delivers to those that a destination names; {@link ApicRegisters#BROADCAST_32} names all. */
    boolean send(int destination, boolean logical, int mode, int vector, boolean level) {
        @Nullable LocalApic[] all = byId;
        if (mode == LOWEST_PRIORITY) return sendToLowest(all, destination, logical, vector, level);
        if (!logical && destination != BROADCAST_32) {
            LocalApic one = destination >= 0 && destination < all.length ? all[destination] : null;
            return one != null && one.deliver(mode, vector, level);
        }
        boolean taken = false;
        for (LocalApic apic : all) {
            if (apic != null && names(destination, logical, apic)) taken |= apic.deliver(mode, vector, level);
        }
        return taken;
    }

    /**
     * Delivers to those that a bitmap names.
     *
     * @param bitmap a bit for each APIC ID
     * @param firstId APIC ID of bit 0
     * @param command delivery mode, vector and trigger mode, as in the interrupt command register
     * @return how many took it
     */
    public int sendToEach(long bitmap, long firstId, int command) {
        @Nullable LocalApic[] all = byId;
        int mode = (command >> DELIVERY_MODE_SHIFT) & DELIVERY_MODE;
        int taken = 0;
        for (long left = bitmap; left != 0; left &= left - 1) {
            long id = firstId + Long.numberOfTrailingZeros(left);
            LocalApic apic = id >= 0 && id < all.length ? all[(int) id] : null;
            if (apic != null && apic.deliver(mode, command & VECTOR, (command & ICR_LEVEL) != 0)) taken++;
        }
        return taken;
    }

    /** Delivers to all but one. */
    void sendToOthers(LocalApic sender, int mode, int vector) {
        for (LocalApic apic : byId) {
            if (apic != null && apic != sender) apic.deliver(mode, vector, false);
        }
    }

    /** 11.6.2. */
    private static boolean names(int destination, boolean logical, LocalApic apic) {
        if (destination == BROADCAST_32) return true;
        return logical ? apic.isNamedBy(destination) : apic.id() == destination;
    }

    /** 11.6.2.4; those of equal priority take turns, which the manual leaves open. */
    private boolean sendToLowest(
            @Nullable LocalApic[] all, int destination, boolean logical, int vector, boolean level) {
        if (all.length == 0) return false;
        int start = Math.floorMod(turn.getAndIncrement(), all.length);
        LocalApic lowest = null;
        int lowestPriority = Integer.MAX_VALUE;
        for (int i = 0; i < all.length; i++) {
            LocalApic apic = all[(start + i) % all.length];
            if (apic == null || !names(destination, logical, apic)) continue;
            int priority = apic.arbitrationPriority();
            if (priority < lowestPriority) {
                lowest = apic;
                lowestPriority = priority;
            }
        }
        return lowest != null && lowest.deliver(FIXED, vector, level);
    }
}
