package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;

import java.util.ArrayList;
import java.util.List;

/** The virtio console: its device, the console and the ports, which {@code -device} gives apart. */
final class ConsoleDevices {
    static final List<Property<Console>> CONSOLE = List.of(
            maps(
                    "chardev=ID",
                    "where it leads to: a [-chardev](#-chardev)",
                    (console, value) -> console.chardev = value),
            ignored("name", "the guest does not see it"));

    static final List<Property<Port>> PORT = List.of(
            maps("chardev=ID", "where it leads to: a [-chardev](#-chardev)", (port, value) -> port.chardev = value),
            maps(
                    "name=NAME",
                    "its name in the guest; by default port0, port1, ...",
                    (port, value) -> port.name = value));

    private ConsoleDevices() {}

    private static void requireBus(Invocation command) {
        if (!command.hasConsoleBus) throw new OptionException("needs -device virtio-serial-device before it");
    }

    /** The device itself. */
    static final class Bus implements Device {
        @Override
        public void addTo(Invocation command) {
            if (command.hasConsoleBus) throw new OptionException("at most one; it has 31 ports");
            command.hasConsoleBus = true;
            command.vm.virtioConsole(command.portNames.toArray(String[]::new));
        }
    }

    /** The console. */
    static final class Console implements Device {
        private String chardev = "";

        @Override
        public void addTo(Invocation command) {
            requireBus(command);
            if (command.hasVirtconsole) throw new OptionException("at most one; use virtserialport,name=NAME for more");
            command.hasVirtconsole = true;
            command.connect("hvc0", chardev);
        }
    }

    /** A port. */
    static final class Port implements Device {
        private String chardev = "";
        private String name = "";

        @Override
        public void addTo(Invocation command) {
            requireBus(command);
            command.connect(name, chardev);
        }

        /** Gives it a name, if it has none. */
        String name(List<String> taken) {
            if (name.isEmpty()) name = "port" + taken.size();
            return name;
        }
    }

    /** Returns the names of all ports. */
    static List<String> portNames(List<Invocation.GivenDevice> devices) {
        List<String> names = new ArrayList<>();
        for (Invocation.GivenDevice each : devices) if (each.device() instanceof Port port) names.add(port.name(names));
        return names;
    }
}
