package dev.microvm.machine;

import dev.microvm.bus.BusDevice;
import dev.microvm.bus.DeviceContext;
import dev.microvm.clock.Timers;
import dev.microvm.error.MicroVmException;
import dev.microvm.irq.IrqLine;
import dev.microvm.memory.GuestMemory;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Makes devices by code of the user. Whatever that code throws becomes a {@link MicroVmException}
 * that names the device.
 */
final class UserDevices {
    private final DeviceContext context;

    /**
     * Makes a maker.
     *
     * @param lines how many global system interrupts the machine has
     */
    UserDevices(Interrupts interrupts, int lines, Timers timers, GuestMemory memory) {
        context = new Context(interrupts, lines, timers, memory);
    }

    /** Makes a device at ports or addresses. */
    BusDevice make(MachinePlan.UserDevice device) {
        return make(device.spec().option(), () -> made(device.factory().create(context)));
    }

    /**
     * Makes a part of the machine by code of the user.
     *
     * @param name of the device, for the message
     * @throws MicroVmException if the code throws, or returns null
     */
    static <T> T make(String name, Supplier<T> maker) {
        try {
            return maker.get();
        } catch (MicroVmException e) {
            throw e; // it has words of its own
        } catch (RuntimeException e) {
            String reason = e.getMessage() == null ? e.toString() : e.getMessage();
            throw new MicroVmException(name + " cannot be made: " + reason, e);
        }
    }

    /** Checks what a factory returned. */
    static <T> T made(T device) {
        return Objects.requireNonNull(device, "its factory returned null: return a device");
    }

    private record Context(Interrupts interrupts, int lines, Timers timers, GuestMemory memory)
            implements DeviceContext {
        @Override
        public IrqLine irqLine(int gsi) {
            if (gsi < 0 || gsi >= lines) {
                throw new IllegalArgumentException("irqLine: 0 to %d, was %d".formatted(lines - 1, gsi));
            }
            return interrupts.line(gsi);
        }
    }
}
