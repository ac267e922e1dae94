package dev.microvm.devices.virtio.console;

import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.event.Signal;
import dev.microvm.state.DeviceState;
import java.util.Objects;

/**
 * The host's end of one port of a {@link VirtioConsole}. Any thread may call the public methods.
 *
 * <p>Bytes from the host wait here until a program in the guest opens the port. Bytes from the
 * guest go to a {@link PortOutput}.
 */
public final class ConsolePort {
    /** Maximum number of bytes from the host that wait for the guest to read. */
    public static final int INPUT_CAPACITY = 65536;

    private static final int QUEUE_SIZE = 128;

    private final int number;
    private final String name;
    private final PortOutput output;
    private final Virtqueue toGuest;
    private final Virtqueue fromGuest;
    private final Signal look;
    private final ChainHandler take = this::take; // made once: a request allocates nothing
    private final Object inputLock = new Object();

    // Guarded by the input lock.
    private final byte[] input = new byte[INPUT_CAPACITY];
    private int inputStart;
    private int inputLength;
    private Runnable onInputSpace = () -> {};

    private volatile Runnable onGuestClose = () -> {};

    // The device's: one thing at a time.
    private boolean guestOpen;
    private int pendingEvents; // control messages to send, a bit each
    private long taken; // bytes of the oldest chain that the output has

    ConsolePort(int number, String name, PortOutput output, VirtioTransport transport) {
        this.number = number;
        this.name = name;
        this.output = output;
        this.look = transport.loop().signal(this::serve);
        this.toGuest = transport.addQueue(QUEUE_SIZE);
        this.fromGuest = transport.addQueue(QUEUE_SIZE);
    }

    /** Returns the number of the port in the device; 0 is the console. */
    public int number() {
        return number;
    }

    /**
     * Returns the name of the port, which Linux shows in {@code /dev/virtio-ports}; empty for the
     * console.
     */
    public String name() {
        return name;
    }

    // ---- the host's side

    /**
     * Sends as many bytes to the guest as there is room for.
     *
     * @return the number of bytes taken, beginning with the first
     */
    public int receive(byte[] bytes, int offset, int length) {
        Objects.requireNonNull(bytes, "bytes");
        int room;
        synchronized (inputLock) {
            room = Math.min(length, INPUT_CAPACITY - inputLength);
            for (int i = 0; i < room; i++) {
                input[(inputStart + inputLength + i) % INPUT_CAPACITY] = bytes[offset + i];
            }
            inputLength += room;
        }
        if (room > 0) look.raise();
        return room;
    }

    /**
     * Sets the action to call, on the loop, each time there is room for more bytes after
     * {@link #receive} took some.
     */
    public void onInputSpace(Runnable action) {
        Objects.requireNonNull(action, "action");
        synchronized (inputLock) {
            onInputSpace = action;
        }
    }

    /**
     * Sets the action to call, on the loop, each time the program in the guest that has the port
     * open closes it.
     */
    public void onGuestClose(Runnable action) {
        onGuestClose = Objects.requireNonNull(action, "action");
    }

    /** Tells the port that its output takes bytes again. */
    public void outputReady() {
        look.raise();
    }

    /**
     * Takes over the bytes of another port that its guest has not read: the port of the machine
     * before a reset.
     */
    public void inherit(ConsolePort from) {
        Objects.requireNonNull(from, "from");
        byte[] unread;
        synchronized (from.inputLock) {
            unread = new byte[from.inputLength];
            from.copyInput(unread);
            from.inputLength = 0;
        }
        receive(unread, 0, unread.length);
    }

    private void copyInput(byte[] to) {
        int first = Math.min(to.length, INPUT_CAPACITY - inputStart);
        System.arraycopy(input, inputStart, to, 0, first);
        System.arraycopy(input, 0, to, first, to.length - first);
    }

    // ---- the device's side

    /** Moves as many bytes as possible in both directions. */
    void serve() {
        sendToGuest();
        fromGuest.drain(take);
    }

    private boolean take(DescriptorChain chain) {
        GuestBuffer bytes = chain.readable();
        boolean all = true;
        for (int piece = 0; all && piece < bytes.pieces(); piece++) all = takePiece(bytes, piece);
        if (!all) return false;
        taken = 0;
        fromGuest.complete(chain, 0);
        return true;
    }

    /** Gives the remaining bytes of a piece to the output; returns whether it took all. */
    private boolean takePiece(GuestBuffer bytes, int piece) {
        long before = 0;
        for (int i = 0; i < piece; i++) before += bytes.length(i);
        long skip = taken - before;
        long left = bytes.length(piece) - skip;
        if (left <= 0) return true;
        long now = output.write(bytes.segment(piece), bytes.offset(piece) + skip, left);
        taken += now;
        return now == left;
    }

    private void sendToGuest() {
        int sent = 0;
        for (int turns = toGuest.size(); guestOpen && turns > 0 && hasInput(); turns--) {
            DescriptorChain chain = toGuest.pop();
            if (chain == null) {
                if (!toGuest.wantNotifications()) break;
                continue; // one came just now
            }
            sent += fill(chain);
        }
        toGuest.notifyDriver();
        if (sent == 0) return;
        Runnable space;
        boolean more;
        synchronized (inputLock) {
            space = onInputSpace;
            more = inputLength > 0;
        }
        space.run();
        if (more && toGuest.hasNext()) look.raise(); // others have their turn
    }

    private boolean hasInput() {
        synchronized (inputLock) {
            return inputLength > 0;
        }
    }

    private int fill(DescriptorChain chain) {
        int length;
        synchronized (inputLock) {
            length = (int) Math.min(inputLength, chain.writable().length());
            int first = Math.min(length, INPUT_CAPACITY - inputStart);
            chain.writable().copyFrom(0, input, inputStart, first);
            chain.writable().copyFrom(first, input, 0, length - first);
            inputStart = (inputStart + length) % INPUT_CAPACITY;
            inputLength -= length;
        }
        toGuest.complete(chain, length);
        return length;
    }

    /**
     * Sets whether a program in the guest has the port open. A guest with a single port cannot
     * report that; its port is always open.
     */
    void guestOpen(boolean open) {
        boolean closed = guestOpen && !open;
        guestOpen = open;
        if (open) look.raise();
        if (closed) onGuestClose.run();
    }

    /**
     * Returns the control messages to send for this port, as bits that {@link VirtioConsole}
     * defines.
     */
    int pendingEvents() {
        return pendingEvents;
    }

    void pendingEvents(int events) {
        pendingEvents = events;
    }

    void reset() {
        guestOpen = false;
        pendingEvents = 0;
        taken = 0;
    }

    private String field(String what) {
        return "port" + number + what;
    }

    void save(DeviceState to) {
        byte[] unread;
        synchronized (inputLock) {
            unread = new byte[inputLength];
            copyInput(unread);
        }
        to.put(field("GuestOpen"), guestOpen)
                .put(field("PendingEvents"), pendingEvents)
                .put(field("Taken"), taken)
                .put(field("Input"), unread);
    }

    void restore(DeviceState from) {
        byte[] unread = from.bytes(field("Input"));
        synchronized (inputLock) {
            inputStart = 0;
            inputLength = Math.min(unread.length, INPUT_CAPACITY);
            System.arraycopy(unread, 0, input, 0, inputLength);
        }
        guestOpen = from.flag(field("GuestOpen"));
        pendingEvents = from.integer(field("PendingEvents"));
        taken = from.number(field("Taken"));
        look.raise();
    }
}
