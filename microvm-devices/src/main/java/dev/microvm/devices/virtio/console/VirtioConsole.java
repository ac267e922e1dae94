package dev.microvm.devices.virtio.console;

import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.state.DeviceState;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A console device: VIRTIO 1.2, section 5.3. Port 0 is a console, {@code hvc0} in Linux. Each
 * further port is a serial port with a name, in Linux {@code /dev/virtio-ports/NAME}.
 *
 * <p>{@link ConsolePort} is the host's end of a port. The host's end is always open; bytes move
 * whenever both sides are ready.
 */
public final class VirtioConsole implements VirtioDevice {
    /**
     * Describes a port.
     *
     * @param name name of a serial port, in ASCII; empty for the console
     * @param output takes the bytes that the guest writes
     */
    public record Port(String name, PortOutput output) {
        /** Checks that no component is null. */
        public Port {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(output, "output");
        }
    }

    /** Device ID: section 5.3.1. */
    public static final int DEVICE_ID = 3;

    /** Maximum number of ports of a device. */
    public static final int MOST_PORTS = 32;

    // Feature bits: section 5.3.3
    private static final long F_SIZE = 1 << 0;
    private static final long F_MULTIPORT = 1 << 1;

    // Configuration space: section 5.3.4
    private static final int CONFIG_COLUMNS = 0; // le16
    private static final int CONFIG_ROWS = 2; // le16
    private static final int CONFIG_PORTS = 4; // le32
    private static final int CONFIG_SIZE = 12; // with emerg_wr, which is not offered

    // Queues: section 5.3.2. Ports after the first have theirs behind the control queues, two each.
    private static final int CONTROL_TO_GUEST = 2;
    private static final int CONTROL_FROM_GUEST = 3;
    private static final int CONTROL_QUEUE_SIZE = 32;

    // struct virtio_console_control: section 5.3.6.2
    private static final int CONTROL_ID = 0; // le32
    private static final int CONTROL_EVENT = 4; // le16
    private static final int CONTROL_VALUE = 6; // le16
    private static final int CONTROL_MESSAGE = 8; // bytes
    private static final int DEVICE_READY = 0;
    private static final int PORT_ADD = 1;
    private static final int PORT_READY = 3;
    private static final int CONSOLE_PORT = 4;
    private static final int RESIZE = 5;
    private static final int PORT_OPEN = 6;
    private static final int PORT_NAME = 7;

    private static final String STATE_TYPE = "virtio-console";
    private static final int STATE_VERSION = 1;

    private final VirtioTransport transport;
    private final List<ConsolePort> ports = new ArrayList<>();
    private final Optional<Virtqueue> controlToGuest;
    private final Optional<Virtqueue> controlFromGuest;
    private final VirtioConfigSpace config = new VirtioConfigSpace(CONFIG_SIZE);
    private final ChainHandler control = this::control;
    private boolean multiport; // as negotiated

    /**
     * Makes a device.
     *
     * @param ports the console, followed by the serial ports; 1 to {@link #MOST_PORTS}
     * @throws IllegalArgumentException for another number of ports
     */
    public VirtioConsole(VirtioTransport transport, List<Port> ports) {
        Objects.requireNonNull(transport, "transport");
        Objects.requireNonNull(ports, "ports");
        if (ports.isEmpty() || ports.size() > MOST_PORTS) {
            throw new IllegalArgumentException("ports: 1 to %d, was %d".formatted(MOST_PORTS, ports.size()));
        }
        this.transport = transport;
        addPort(ports.getFirst());
        boolean several = ports.size() > 1;
        controlToGuest = several ? Optional.of(transport.addQueue(CONTROL_QUEUE_SIZE)) : Optional.empty();
        controlFromGuest = several ? Optional.of(transport.addQueue(CONTROL_QUEUE_SIZE)) : Optional.empty();
        ports.stream().skip(1).forEach(this::addPort);
        config.putInt(CONFIG_PORTS, ports.size());
    }

    private void addPort(Port port) {
        ports.add(new ConsolePort(ports.size(), port.name(), port.output(), transport));
    }

    /** Returns the host's ends of the ports, by number. */
    public List<ConsolePort> ports() {
        return List.copyOf(ports);
    }

    /**
     * Tells the guest the size of the console window. Any thread may call.
     *
     * @param columns number of columns, 1 to 65535
     * @param rows number of rows, 1 to 65535
     */
    public void resize(int columns, int rows) {
        transport.loop().execute(() -> {
            config.putShort(CONFIG_COLUMNS, columns).putShort(CONFIG_ROWS, rows);
            if (multiport) announce(ports.getFirst(), RESIZE);
            else transport.configChanged();
        });
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return "virtio-console";
    }

    @Override
    public long features() {
        return F_SIZE | (controlToGuest.isPresent() ? F_MULTIPORT : 0);
    }

    @Override
    public VirtioConfigSpace config() {
        return config;
    }

    @Override
    public void activate(long features) {
        multiport = (features & F_MULTIPORT) != 0;
        if (!multiport) ports.getFirst().guestOpen(true); // there is no way to say so: 5.3.6.1
    }

    @Override
    public void queueNotified(int queue) {
        if (queue == CONTROL_FROM_GUEST) controlFromGuest.ifPresent(messages -> messages.drain(control));
        else if (queue == CONTROL_TO_GUEST) sendControl();
        else ports.get(queue < CONTROL_TO_GUEST ? 0 : queue / 2 - 1).serve();
    }

    // ---- control messages: section 5.3.6.2

    private boolean control(DescriptorChain chain) {
        if (chain.readable().length() >= CONTROL_MESSAGE) {
            int id = chain.readable().getInt(CONTROL_ID);
            int event = chain.readable().getShort(CONTROL_EVENT);
            boolean value = chain.readable().getShort(CONTROL_VALUE) != 0;
            if (event == DEVICE_READY && value) ports.forEach(port -> announce(port, PORT_ADD));
            else if (id >= 0 && id < ports.size()) control(ports.get(id), event, value);
        }
        controlFromGuest.ifPresent(messages -> messages.complete(chain, 0));
        return true;
    }

    private void control(ConsolePort port, int event, boolean value) {
        if (event == PORT_OPEN) port.guestOpen(value);
        if (event != PORT_READY || !value) return;
        if (port.number() == 0) {
            announce(port, CONSOLE_PORT);
            if (config.read(CONFIG_COLUMNS, Short.BYTES) != 0) announce(port, RESIZE);
        } else {
            announce(port, PORT_NAME);
        }
        announce(port, PORT_OPEN);
    }

    /**
     * Sends a message when the driver has a buffer for it. A message that already waits is not sent
     * twice.
     */
    private void announce(ConsolePort port, int event) {
        port.pendingEvents(port.pendingEvents() | (1 << event));
        sendControl();
    }

    private void sendControl() {
        controlToGuest.ifPresent(messages -> {
            for (ConsolePort port : ports) {
                while (port.pendingEvents() != 0) {
                    DescriptorChain chain = messages.pop();
                    if (chain == null) break;
                    int event = Integer.numberOfTrailingZeros(port.pendingEvents());
                    port.pendingEvents(port.pendingEvents() & ~(1 << event));
                    messages.complete(chain, write(chain, port, event));
                }
            }
            messages.notifyDriver();
            if (messages.wantNotifications() && ports.stream().anyMatch(port -> port.pendingEvents() != 0)) {
                transport.loop().execute(this::sendControl);
            }
        });
    }

    /** Writes a message, as far as there is room; returns the number of bytes. */
    private int write(DescriptorChain chain, ConsolePort port, int event) {
        byte[] name = event == PORT_NAME ? port.name().getBytes(StandardCharsets.US_ASCII) : new byte[0];
        VirtioConfigSpace message = new VirtioConfigSpace(CONTROL_MESSAGE + Math.max(name.length, 2 * Short.BYTES));
        message.putInt(CONTROL_ID, port.number()).putShort(CONTROL_EVENT, event).putShort(CONTROL_VALUE, 1);
        message.putBytes(CONTROL_MESSAGE, name);
        int length = CONTROL_MESSAGE + name.length;
        if (event == RESIZE) { // struct virtio_console_resize: le16 cols, le16 rows
            message.putInt(CONTROL_MESSAGE, (int) config.read(CONFIG_COLUMNS, Integer.BYTES));
            length += 2 * Short.BYTES;
        }
        int written = (int) Math.min(length, chain.writable().length());
        for (int i = 0; i < written; i++) chain.writable().putByte(i, (int) message.read(i, 1));
        return written;
    }

    // ---- state

    @Override
    public void reset() {
        multiport = false;
        ports.forEach(ConsolePort::reset);
    }

    @Override
    public DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("multiport", multiport)
                .put("columns", config.read(CONFIG_COLUMNS, Short.BYTES))
                .put("rows", config.read(CONFIG_ROWS, Short.BYTES))
                .put("ports", ports.size());
        ports.forEach(port -> port.save(state));
        return state;
    }

    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        if (state.integer("ports") != ports.size()) {
            throw new IllegalArgumentException(
                    "state of %d ports given to a console of %d".formatted(state.integer("ports"), ports.size()));
        }
        multiport = state.flag("multiport");
        config.putShort(CONFIG_COLUMNS, state.integer("columns")).putShort(CONFIG_ROWS, state.integer("rows"));
        ports.forEach(port -> port.restore(state));
    }
}
