package dev.microvm.devices.virtio.vsock;

import static dev.microvm.devices.virtio.vsock.VsockProtocol.*;

import dev.microvm.clock.Timers;
import dev.microvm.devices.virtio.GuestBuffer;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A connection between a port of the host and a port of the guest. It joins the guest's side
 * ({@link #receive} and {@link #send}, on the machine's loop) and the host's side (any thread). Its
 * lock guards the state, the bytes in transit and the credit.
 *
 * <p>When there is something to send, the connection tells the device, which then asks for it
 * packet by packet. Only bytes are queued. All other packets follow from the state, so a connection
 * never needs more than two buffers.
 */
final class Connection {
    /**
     * Maximum number of waiting bytes in each direction. A power of two, at least 64 KiB, because
     * Linux sends that much at once.
     */
    static final int BUFFER = 128 << 10;

    /** Number of bytes that the host may take before it tells the guest. */
    private static final int CREDIT_LAG = BUFFER / 2;

    // Why it ended.
    private static final String REFUSED = "connection refused by the guest";
    private static final String RESET = "connection reset by the guest";
    private static final String BROKEN = "connection reset: the guest broke the protocol";

    private static final int NOTHING = 0; // to send: VIRTIO_VSOCK_OP_INVALID

    private enum State {
        /** The host wants the connection; the guest has not been asked yet. */
        WANTED,
        /** The guest has been asked. */
        REQUESTED,
        /** The guest has asked for the connection and waits for the answer. */
        OFFERED,
        /** The connection exists on both sides. */
        ESTABLISHED,
        /**
         * The connection no longer exists for the guest, or will not after the RST that is still to
         * be sent.
         */
        CLOSED
    }

    private final VsockHost host;
    private final VirtioVsock device;
    private final int guestPort;
    private int hostPort; // set once, before any packet

    // The device's own: one thing at a time.
    @Nullable
    Connection nextInTable;

    Timers.@Nullable Timer lastCall; // how long the guest may take to answer SHUTDOWN
    boolean registered; // in the table, or it was

    boolean waiting; // among those that have something to send; guarded by the device

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition readable = lock.newCondition();
    private final Condition writable = lock.newCondition(); // or established

    // Guarded by the lock.
    private State state;
    private final ByteQueue received = new ByteQueue(BUFFER);
    private final ByteQueue toSend = new ByteQueue(BUFFER);
    private boolean answered; // the guest has agreed to what was WANTED
    private boolean accepted; // so that OFFERED is to be answered
    private boolean owesReset;
    private boolean owesCredit;
    private boolean askedForCredit; // and has no answer yet
    private String ending = RESET; // why it is CLOSED, for who reads or writes after that
    private int shutdown; // what the host does no more: SHUTDOWN_ bits
    private int shutdownSent; // of them, what the guest knows
    private int peerShutdown; // what the guest does no more
    private int sent; // payload bytes, modulo 2^32: tx_cnt of section 5.10.6.3
    private int peerBufferSpace; // of the guest's, unsigned
    private int peerForwarded;
    private int forwarded; // bytes that the host took, modulo 2^32
    private int toldForwarded; // of them, what the guest knows
    private boolean hostClosed;
    private boolean detached; // the device has let go of it

    private Connection(VsockHost host, VirtioVsock device, int hostPort, int guestPort, State state) {
        this.host = host;
        this.device = device;
        this.hostPort = hostPort;
        this.guestPort = guestPort;
        this.state = state;
    }

    /** Makes a connection that the host wants. The device chooses the host's port. */
    static Connection toGuest(VsockHost host, VirtioVsock device, int guestPort) {
        return new Connection(host, device, 0, guestPort, State.WANTED);
    }

    /** Makes a connection that the guest asks for by this packet. */
    static Connection fromGuest(VsockHost host, VirtioVsock device, PacketHeader request) {
        Connection made = new Connection(host, device, request.destinationPort, request.sourcePort, State.OFFERED);
        made.peerBufferSpace = request.bufferSpace;
        made.peerForwarded = request.forwarded;
        return made;
    }

    int hostPort() {
        return hostPort;
    }

    int guestPort() {
        return guestPort;
    }

    // ---- the device's side

    /** Sets the host's port. */
    void register(int port) {
        hostPort = port;
        registered = true;
    }

    /**
     * Handles a packet. In {@code from}, the payload follows the header and has the length that the
     * header says.
     */
    void receive(PacketHeader packet, GuestBuffer from) {
        lock.lock();
        try {
            if (state == State.CLOSED) {
                if (packet.op == OP_RST) owesReset = false;
                return;
            }
            peerBufferSpace = packet.bufferSpace;
            peerForwarded = packet.forwarded;
            if (credit() > 0) askedForCredit = false;
            switch (packet.op) {
                case OP_RESPONSE -> receiveResponse();
                case OP_RST -> end(/* reset= */ false, state == State.REQUESTED ? REFUSED : RESET);
                case OP_SHUTDOWN -> receiveShutdown(packet.flags);
                case OP_RW -> receiveData(packet.length, from);
                case OP_CREDIT_UPDATE -> {}
                case OP_CREDIT_REQUEST -> owesCredit = true;
                default -> end(/* reset= */ true, BROKEN);
            }
            wakeAll();
        } finally {
            lock.unlock();
        }
    }

    private void receiveResponse() {
        if (state == State.REQUESTED) {
            state = State.ESTABLISHED;
            answered = true;
        } else {
            end(/* reset= */ true, BROKEN);
        }
    }

    /** Handles a SHUTDOWN packet: section 5.10.6.5. */
    private void receiveShutdown(int flags) {
        if (state != State.ESTABLISHED && state != State.OFFERED) {
            end(/* reset= */ true, BROKEN);
            return;
        }
        peerShutdown |= flags & SHUTDOWN_BOTH; // bits stay set
        if ((peerShutdown & SHUTDOWN_RECEIVE) != 0) toSend.clear();
        if (peerShutdown == SHUTDOWN_BOTH) end(/* reset= */ true, RESET); // the answer to a clean disconnect
    }

    private void receiveData(int length, GuestBuffer from) {
        boolean expected = state == State.ESTABLISHED && (peerShutdown & SHUTDOWN_SEND) == 0;
        if (!expected || Integer.compareUnsigned(length, received.room()) > 0) { // more than its credit
            end(/* reset= */ true, BROKEN);
        } else if ((shutdown & SHUTDOWN_RECEIVE) != 0) {
            forwarded += length; // it was on its way when the host stopped reading
        } else {
            received.put(from, HEADER_SIZE, length);
        }
    }

    /** Resets the connection, because the guest broke the protocol. */
    void breaksProtocol() {
        abort(/* reset= */ true, BROKEN);
    }

    /** Resets the connection, because the guest did not answer in time. */
    void expire() {
        abort(/* reset= */ true, RESET);
    }

    /** Ends the connection without a packet, because it no longer exists for the guest. */
    void abandon(String reason) {
        abort(/* reset= */ false, reason);
    }

    private void abort(boolean reset, String reason) {
        lock.lock();
        try {
            if (state != State.CLOSED) end(reset, reason);
            owesReset &= reset;
            wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /** Ends the connection for the guest. Bytes that were received can still be read. */
    private void end(boolean reset, String reason) {
        state = State.CLOSED;
        owesReset = reset;
        ending = reason;
        toSend.clear();
    }

    private void wakeAll() {
        readable.signalAll();
        writable.signalAll();
    }

    /** Returns whether there is a packet for the guest. */
    boolean hasPacket() {
        lock.lock();
        try {
            return nextOp() != NOTHING;
        } finally {
            lock.unlock();
        }
    }

    /** Returns the operation of the next packet for the guest. */
    private int nextOp() {
        return switch (state) {
            case WANTED -> OP_REQUEST;
            case REQUESTED -> NOTHING;
            case OFFERED -> accepted ? OP_RESPONSE : NOTHING;
            case ESTABLISHED -> nextOpEstablished();
            case CLOSED -> owesReset ? OP_RST : NOTHING;
        };
    }

    private int nextOpEstablished() {
        if (shutdownToSend() != 0) return OP_SHUTDOWN;
        if (toSend.length() > 0) {
            if (credit() > 0) return OP_RW;
            if (!askedForCredit) return OP_CREDIT_REQUEST;
        }
        return owesCredit || lagsBehind() ? OP_CREDIT_UPDATE : NOTHING;
    }

    /**
     * Returns the SHUTDOWN bits that the guest does not know yet. The end of sending is included
     * only after the last byte.
     */
    private int shutdownToSend() {
        return shutdown & ~shutdownSent & (toSend.length() > 0 ? SHUTDOWN_RECEIVE : SHUTDOWN_BOTH);
    }

    /**
     * Returns the number of bytes that the guest has room for: section 5.10.6.3. It is 0 if the
     * guest's counts are wrong.
     */
    private int credit() {
        long underWay = Integer.toUnsignedLong(sent - peerForwarded);
        return (int) Math.clamp(Integer.toUnsignedLong(peerBufferSpace) - underWay, 0L, (long) Integer.MAX_VALUE);
    }

    /**
     * Returns whether there is far more room than the guest knows, so that it must be told and does
     * not wait forever.
     */
    private boolean lagsBehind() {
        return state == State.ESTABLISHED
                && (shutdown & SHUTDOWN_RECEIVE) == 0
                && forwarded - toldForwarded >= CREDIT_LAG;
    }

    /**
     * Makes the next packet: its header, except the addresses, and its payload, written to the
     * buffer after the space of the header.
     *
     * @param to buffer, at least as long as a header
     * @return false if there is no packet any more
     */
    boolean send(PacketHeader packet, GuestBuffer to) {
        lock.lock();
        try {
            int op = nextOp();
            if (op == NOTHING) return false;
            packet.op = op;
            packet.flags = 0;
            packet.length = 0;
            switch (op) {
                case OP_REQUEST -> state = State.REQUESTED;
                case OP_RESPONSE -> state = State.ESTABLISHED;
                case OP_RST -> owesReset = false;
                case OP_SHUTDOWN -> {
                    packet.flags = shutdownToSend() | shutdownSent;
                    shutdownSent = packet.flags;
                }
                case OP_RW -> packet.length = sendData(to);
                case OP_CREDIT_REQUEST -> askedForCredit = true;
                default -> {}
            }
            packet.bufferSpace = BUFFER;
            packet.forwarded = forwarded;
            toldForwarded = forwarded;
            owesCredit = false;
            return true;
        } finally {
            lock.unlock();
        }
    }

    private int sendData(GuestBuffer to) {
        long room = Math.min(credit(), to.length() - HEADER_SIZE);
        int length = (int) Math.min(room, toSend.length());
        toSend.take(to, HEADER_SIZE, length);
        sent += length;
        writable.signalAll();
        return length;
    }

    /** Returns whether the guest was asked for a clean end, to which it replies with RST. */
    boolean awaitsReset() {
        lock.lock();
        try {
            return state == State.ESTABLISHED && shutdownSent == SHUTDOWN_BOTH;
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether the connection has ended for the guest, and the guest knows it. */
    boolean isOver() {
        lock.lock();
        try {
            return state == State.CLOSED && !owesReset;
        } finally {
            lock.unlock();
        }
    }

    /** Releases the connection on the device's side. A second call has no effect. */
    void detach() {
        boolean last;
        lock.lock();
        try {
            last = !detached && hostClosed;
            detached = true;
        } finally {
            lock.unlock();
        }
        if (last) host.release();
    }

    // ---- the host's side

    /** Accepts the request of the guest. */
    void accept() {
        lock.lock();
        try {
            accepted = true;
        } finally {
            lock.unlock();
        }
        device.attend(this);
    }

    /** Waits until the guest has answered: {@link VsockHost#connect}. */
    void awaitEstablished(long nanos) throws IOException {
        long left = nanos;
        lock.lock();
        try {
            while (state == State.WANTED || state == State.REQUESTED) {
                if (left <= 0) throw new SocketTimeoutException(timeoutMessage(nanos));
                left = writable.awaitNanos(left);
            }
            requireOpen();
            if (!answered) throw new ConnectException("guest port %s: %s".formatted(portName(), ending));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AsynchronousCloseException(); // the channel makes it ClosedByInterruptException
        } finally {
            lock.unlock();
        }
    }

    private String timeoutMessage(long nanos) {
        String why = state == State.WANTED ? "no driver of the guest's asks for packets" : "the guest does not answer";
        return "guest port %s: %s within %d ms".formatted(portName(), why, TimeUnit.NANOSECONDS.toMillis(nanos));
    }

    private String portName() {
        return Integer.toUnsignedString(guestPort);
    }

    /** Reads the available bytes, and waits until there is at least one; returns -1 at the end. */
    int read(ByteBuffer to) throws IOException {
        boolean tell;
        int length;
        lock.lock();
        try {
            while (received.length() == 0 && !atEnd()) readable.awaitUninterruptibly();
            requireOpen();
            if (received.length() == 0) return -1;
            length = received.take(to);
            forwarded += length;
            tell = lagsBehind();
        } finally {
            lock.unlock();
        }
        if (tell) device.attend(this);
        return length;
    }

    /** Returns whether no more bytes will be received. */
    private boolean atEnd() throws SocketException {
        if (hostClosed || ((shutdown & SHUTDOWN_RECEIVE) | (peerShutdown & SHUTDOWN_SEND)) != 0) return true;
        if (state == State.CLOSED) throw new SocketException(ending);
        return false;
    }

    /** Writes all bytes; waits while there is no room. */
    void write(ByteBuffer from) throws IOException {
        while (from.hasRemaining()) {
            lock.lock();
            try {
                requireWritable();
                while (toSend.room() == 0) {
                    writable.awaitUninterruptibly();
                    requireWritable();
                }
                toSend.put(from);
            } finally {
                lock.unlock();
            }
            device.attend(this);
        }
    }

    private void requireWritable() throws IOException {
        requireOpen();
        if ((shutdown & SHUTDOWN_SEND) != 0) throw new SocketException("the output is shut down");
        if ((peerShutdown & SHUTDOWN_RECEIVE) != 0) throw new SocketException("the guest reads no more");
        if (state == State.CLOSED) throw new SocketException(ending);
    }

    private void requireOpen() throws AsynchronousCloseException {
        if (hostClosed) throw new AsynchronousCloseException();
    }

    /** Ends receiving, sending or both on the host's side: SHUTDOWN_ bits. */
    void shutDown(int directions) {
        lock.lock();
        try {
            shutdown |= directions;
            if ((shutdown & SHUTDOWN_RECEIVE) != 0) discardReceived();
            wakeAll();
        } finally {
            lock.unlock();
        }
        device.attend(this);
    }

    private void discardReceived() {
        forwarded += received.length();
        received.clear();
    }

    /**
     * Closes the connection on the host's side. Bytes that were written are sent, then the
     * connection ends cleanly. A request without an answer is withdrawn.
     */
    void close() {
        boolean last;
        lock.lock();
        try {
            if (hostClosed) return;
            hostClosed = true;
            shutdown = SHUTDOWN_BOTH;
            discardReceived();
            switch (state) {
                case WANTED -> end(/* reset= */ false, RESET);
                case REQUESTED, OFFERED -> {
                    if (!accepted) end(/* reset= */ true, RESET);
                }
                case ESTABLISHED, CLOSED -> {}
            }
            wakeAll();
            last = detached;
        } finally {
            lock.unlock();
        }
        if (last) host.release();
        else device.attend(this);
    }
}
