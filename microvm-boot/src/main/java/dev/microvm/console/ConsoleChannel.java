package dev.microvm.console;

import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.console.ConsolePort;
import dev.microvm.devices.virtio.console.VirtioConsole;
import java.util.List;

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
    public static final String CONSOLE = "hvc0";

    /** Makes a port that leads nowhere yet. */
    public static ConsoleChannel named(String name) {
        return new ConsoleChannel(name, name.equals(CONSOLE), new ConsoleBuffer(), new ConsoleInput(null));
    }

    /** Makes, for each run, a device that these ports lead to. */
    public static VirtioDeviceFactory console(List<ConsoleChannel> ports) {
        return transport -> {
            VirtioConsole device = new VirtioConsole(
                    transport, ports.stream().map(ConsoleChannel::devicePort).toList());
            for (ConsoleChannel port : ports) {
                port.connect(device.ports().get(ports.indexOf(port)));
            }
            return device;
        };
    }

    private VirtioConsole.Port devicePort() {
        return new VirtioConsole.Port(isConsole ? "" : name, buffer::offer);
    }

    private void connect(ConsolePort port) {
        buffer.onRoom(port::outputReady);
        input.connect(port);
    }

    /** Says that there will be no more run. */
    public void end() {
        buffer.end();
        input.end();
    }
}
