package dev.microvm.console;

import dev.microvm.devices.virtio.console.ConsolePort;
import dev.microvm.devices.virtio.console.VirtioConsole;
import dev.microvm.model.DevicesSpec;

/**
 * A port of the virtio console as the host has it, through all runs of a machine.
 *
 * @param name by which the host asks for it
 * @param isConsole whether it is the console, which has no name in the guest
 * @param buffer what the guest sent
 * @param input what the host sends
 */
public record ConsoleChannel(String name, boolean isConsole, ConsoleBuffer buffer, ConsoleInput input) {
    /** The name of the port that is a console: Linux's. */
    public static final String CONSOLE = DevicesSpec.CONSOLE_PORT;

    /** Makes a port that leads nowhere yet. */
    public static ConsoleChannel named(String name) {
        return new ConsoleChannel(name, name.equals(CONSOLE), new ConsoleBuffer(), new ConsoleInput(null));
    }

    /** What the device is told of it. */
    VirtioConsole.Port devicePort() {
        return new VirtioConsole.Port(isConsole ? "" : name, buffer::offer);
    }

    /** Leads to the port of the device of a new run. */
    void connect(ConsolePort port) {
        buffer.onRoom(port::outputReady);
        input.connect(port);
    }

    /** There will be no more run. */
    void end() {
        buffer.end();
        input.end();
    }
}
