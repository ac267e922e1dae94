package dev.microvm.console;

import dev.microvm.devices.virtio.console.ConsolePort;
import dev.microvm.devices.virtio.console.VirtioConsole;
import dev.microvm.model.DevicesSpec;

/**
 * The host's end of a port of the virtio console, through all runs of a machine.
 *
 * @param name of the port on the host
 * @param isConsole whether it is the console, which has no name in the guest
 * @param buffer what the guest sent
 * @param input what the host sends
 */
public record ConsoleChannel(String name, boolean isConsole, ConsoleBuffer buffer, ConsoleInput input) {
    /** The name of the port that is the console, as in Linux. */
    public static final String CONSOLE = DevicesSpec.CONSOLE_PORT;

    /** Makes a channel that is not connected yet. */
    public static ConsoleChannel named(String name) {
        return new ConsoleChannel(name, name.equals(CONSOLE), new ConsoleBuffer(), new ConsoleInput(null));
    }

    /** Returns the device's description of the port. */
    VirtioConsole.Port devicePort() {
        return new VirtioConsole.Port(isConsole ? "" : name, buffer::offer);
    }

    /** Connects to the port of a new run's device. */
    void connect(ConsolePort port) {
        buffer.onRoom(port::outputReady);
        input.connect(port);
    }

    /** Ends both directions: there is no further run. */
    void end() {
        buffer.end();
        input.end();
    }
}
