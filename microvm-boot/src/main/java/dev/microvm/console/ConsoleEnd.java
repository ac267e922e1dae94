package dev.microvm.console;

import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.console.VirtioConsole;
import java.util.ArrayList;
import java.util.List;

/**
 * The {@link HostEnd} of a virtio console: a {@link ConsoleChannel} for the console and for each of
 * its ports.
 */
public final class ConsoleEnd implements HostEnd {
    private final List<ConsoleChannel> channels;

    /**
     * Makes channels that are not connected yet: one for the console, then one for each named port.
     */
    public ConsoleEnd(List<String> ports) {
        List<ConsoleChannel> made = new ArrayList<>();
        made.add(ConsoleChannel.named(ConsoleChannel.CONSOLE));
        ports.forEach(name -> made.add(ConsoleChannel.named(name)));
        channels = List.copyOf(made);
    }

    /** Returns the channels, the console's first. */
    public List<ConsoleChannel> channels() {
        return channels;
    }

    @Override
    public VirtioDevice create(VirtioTransport transport) {
        VirtioConsole device = new VirtioConsole(
                transport, channels.stream().map(ConsoleChannel::devicePort).toList());
        for (int i = 0; i < channels.size(); i++)
            channels.get(i).connect(device.ports().get(i));
        return device;
    }

    @Override
    public void end() {
        channels.forEach(ConsoleChannel::end);
    }
}
