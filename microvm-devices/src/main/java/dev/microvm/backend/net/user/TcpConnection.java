package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Tcp;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A TCP connection of the guest, spliced to a socket of the host. The guest's side follows RFC
 * 9293. Bytes wait in two bounded rings. When a ring is full, the window to the guest closes or the
 * socket is not read, so that each end adapts to the speed of the other. Half-closes and resets
 * pass in both directions.
 *
 * <p>For the network's thread. Input is only stored; {@link #flush}, at the end of the loop's turn,
 * sends everything that is due, so that one acknowledgement covers many segments.
 */
final class TcpConnection extends Flow implements NetLoop.Ready {
    /**
     * The states of RFC 9293, 3.3.2, preceded by CONNECTING, in which the host's side is not
     * connected yet.
     */
    private enum State {
        CONNECTING,
        SYN_SENT,
        SYN_RECEIVED,
        ESTABLISHED,
        FIN_WAIT_1,
        FIN_WAIT_2,
        CLOSE_WAIT,
        CLOSING,
        LAST_ACK,
        TIME_WAIT,
        CLOSED
    }

    private static final int MAX_SYN_RETRIES = 5;
    private static final int MAX_RETRIES = 12; // about five minutes: RFC 9293, 3.8.3, wants 100 s at least
    private static final int MAX_KEEPALIVES = 5;
    private static final long KEEPALIVE_NANOS = 75_000_000_000L;
    private static final long TIME_WAIT_NANOS =
            1_000_000_000L; // twice the lifetime of a segment, which lives in a ring

    private final TcpStack stack;
    private final SocketChannel channel;
    private final TcpReceiver receiver;
    private final TcpSender sender;
    private final TimerHeap.Timer timer;

    @SuppressWarnings("NullAway.Init") // set by open and accept, the only ways to begin
    private SelectionKey key;

    private State state = State.CONNECTING;
    private int guestScale = TcpSegment.NO_SCALE;
    private boolean synDue;
    private boolean acknowledgeDue;
    private boolean forced; // one segment goes out whatever the window: a retransmission or a probe
    private boolean waiting; // the timer runs for an acknowledgement
    private int retries;
    private int keepalives;
    private long lastHeard; // from the guest
    private long lastUsed; // from either side
    private boolean wasEstablished;
    private boolean holdsSocket = true; // of the budget; a channel that cannot connect closes itself
    private boolean hostBlocked; // it takes no more bytes now
    private boolean hostOutputShut;
    private boolean removed; // the guest's side is over

    /** Whether the connection is in the list of connections to flush; used by {@link TcpStack}. */
    boolean queued;

    TcpConnection(
            TcpStack stack, SocketChannel channel, int guestAddress, int guestPort, int peerAddress, int peerPort) {
        super(guestAddress, guestPort, peerAddress, peerPort);
        this.stack = stack;
        this.channel = channel;
        receiver = new TcpReceiver(stack.windowLimit(), stack.budget());
        sender = new TcpSender(stack.windowLimit(), stack.budget());
        timer = stack.loop().timer(this::timeOver);
        lastHeard = stack.loop().now();
        lastUsed = lastHeard;
    }

    /**
     * Begins with the guest's SYN. Connects the host's side first, so that the guest learns whether
     * the peer accepts.
     */
    void open(TcpSegment syn, SocketAddress target) {
        guestSyn(syn);
        try {
            key = stack.loop().register(channel, SelectionKey.OP_CONNECT, this);
            if (target instanceof InetSocketAddress) channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            timer.armAt(stack.loop().now() + stack.connectTimeout());
            if (channel.connect(target)) hostConnected();
        } catch (IOException e) {
            refused(e);
        }
    }

    /** Begins with a connection that a port forward accepted, by a SYN to the guest. */
    void accept() throws IOException {
        key = stack.loop().register(channel, 0, this);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        sendSyn(State.SYN_SENT);
    }

    /** Returns whether it is or was established. */
    boolean wasEstablished() {
        return wasEstablished;
    }

    /** Returns whether the guest has it, or had it a moment ago. */
    boolean isGuests() {
        return switch (state) {
            case CONNECTING, SYN_SENT, TIME_WAIT, CLOSED -> false;
            case SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK -> true;
        };
    }

    /** Returns the first sequence number that the guest has not acknowledged. */
    int unacknowledged() {
        return sender.unacknowledged();
    }

    /** Returns when bytes last came from either side. */
    long lastUsed() {
        return lastUsed;
    }

    private void use() {
        lastUsed = stack.loop().now();
        if (wasEstablished && holdsSocket) stack.used(this);
    }

    boolean inTimeWait() {
        return state == State.TIME_WAIT;
    }

    /**
     * Ends TIME-WAIT, because the guest opens the connection again. Bytes that wait for the host
     * are still sent.
     */
    void makeWay() {
        state = State.CLOSED;
        remove();
        stack.touch(this);
    }

    // ---- the host's side

    @Override
    public void ready(SelectionKey which) {
        try {
            if (state == State.CONNECTING) {
                if (channel.finishConnect()) hostConnected();
                return;
            }
            use();
            if (key.isReadable() && sender.ring().readFrom(channel)) sender.queueFin();
            if (key.isValid() && key.isWritable()) hostBlocked = false;
            stack.touch(this);
        } catch (IOException e) {
            if (state == State.CONNECTING) refused(e);
            else reset();
        }
    }

    private void hostConnected() {
        key.interestOps(0);
        sendSyn(State.SYN_RECEIVED);
    }

    private void refused(IOException cause) {
        stack.connectFailed(this, receiver.next(), cause instanceof ConnectException);
        drop();
    }

    /** Writes received bytes to the host, and after them their end. */
    private void writeHost() throws IOException {
        if (hostOutputShut || state.compareTo(State.ESTABLISHED) < 0) return;
        if (!hostBlocked && !receiver.ring().writeTo(channel)) hostBlocked = true;
        if (receiver.ring().isEmpty() && receiver.finTaken()) {
            channel.shutdownOutput();
            hostOutputShut = true;
        }
        if (receiver.windowOpened(sender.mss())) acknowledgeDue = true;
    }

    private void updateInterest() {
        if (state == State.CONNECTING || !key.isValid()) return;
        int wanted = 0;
        boolean open = state.compareTo(State.ESTABLISHED) >= 0;
        if (open && !sender.finQueued() && sender.ring().free() >= sender.mss()) wanted |= SelectionKey.OP_READ;
        if (open && hostBlocked) wanted |= SelectionKey.OP_WRITE;
        if (key.interestOps() != wanted) key.interestOps(wanted);
    }

    // ---- segments of the guest's

    /** Handles a segment: RFC 9293, 3.10.7. */
    void input(TcpSegment segment) {
        lastHeard = stack.loop().now();
        use();
        keepalives = 0;
        switch (state) {
            case CONNECTING -> {
                if (segment.has(Tcp.RST)) drop();
            }
            case SYN_SENT -> inputInSynSent(segment);
            case CLOSED -> {}
            default -> inputSynchronized(segment);
        }
        stack.touch(this);
    }

    /** Handles a segment in SYN-SENT: RFC 9293, 3.10.7.3. */
    private void inputInSynSent(TcpSegment segment) {
        boolean acknowledged = segment.has(Tcp.ACK) && sender.acknowledgesSyn(segment.acknowledgment);
        if (segment.has(Tcp.ACK) && !acknowledged) {
            if (!segment.has(Tcp.RST)) stack.sendReset(this, segment.acknowledgment);
        } else if (segment.has(Tcp.RST)) {
            if (acknowledged) drop();
        } else if (segment.has(Tcp.SYN) && acknowledged) {
            guestSyn(segment);
            established(segment, false); // the window of a SYN is not scaled: RFC 7323, 2.2
            acknowledgeDue = true;
        }
    }

    /** Handles a segment in a synchronized state: RFC 9293, 3.10.7.4. */
    private void inputSynchronized(TcpSegment segment) {
        if (!receiver.accepts(segment.sequence, segment.sequenceLength())) {
            if (state == State.SYN_RECEIVED && segment.has(Tcp.SYN)) synDue = true;
            else if (!segment.has(Tcp.RST)) acknowledgeDue = true;
            return;
        }
        if (segment.has(Tcp.RST)) {
            if (segment.sequence == receiver.next()) drop();
            else acknowledgeDue = true; // a challenge: RFC 5961, 3.2
            return;
        }
        if (segment.has(Tcp.SYN)) {
            acknowledgeDue = true; // a challenge: RFC 5961, 4.2
            return;
        }
        if (!segment.has(Tcp.ACK)) return;
        if (state == State.SYN_RECEIVED) {
            if (!sender.acknowledgesSyn(segment.acknowledgment)) {
                stack.sendReset(this, segment.acknowledgment);
                return;
            }
            established(segment, true);
        } else if (!acknowledged(segment)) {
            acknowledgeDue = true;
            return;
        }
        takeData(segment);
    }

    private void established(TcpSegment segment, boolean scaled) {
        sender.established(segment, scaled);
        state = State.ESTABLISHED;
        wasEstablished = true;
        stack.established(this);
        retries = 0;
        waiting = false;
    }

    /** Handles an acknowledgement; returns false if it acknowledges bytes that were never sent. */
    private boolean acknowledged(TcpSegment segment) {
        long now = stack.loop().now();
        int newly = sender.acknowledge(segment, now);
        if (newly < 0) return false;
        if (newly > 0) {
            retries = 0;
            waiting = sender.inFlight();
            if (waiting) timer.armAt(now + sender.timeout().nanos()); // RFC 6298, 5.3
        }
        if (sender.windowClosed()) retries = 0; // it lives, and may keep us waiting: RFC 9293, 3.8.6.1
        if (sender.finAcknowledged()) finAcknowledged();
        return true;
    }

    private void finAcknowledged() {
        switch (state) {
            case FIN_WAIT_1 -> state = State.FIN_WAIT_2;
            case CLOSING -> waitTime();
            case LAST_ACK -> {
                state = State.CLOSED;
                remove();
            }
            default -> {}
        }
    }

    private void takeData(TcpSegment segment) {
        if (segment.sequenceLength() == 0) return;
        boolean behindGap = receiver.isBehindGap(segment.sequence);
        acknowledgeDue = true;
        if (segment.length > 0) receiver.data(segment.sequence, segment.bytes, segment.data, segment.length);
        if (segment.has(Tcp.FIN)) receiver.fin(segment.sequence + segment.length);
        // The guest counts these, and so knows of a loss before its timer tells: RFC 5681, 3.2 and 4.2.
        if (behindGap) acknowledge();
        if (!receiver.takeFin()) return;
        switch (state) {
            case ESTABLISHED -> state = State.CLOSE_WAIT;
            case FIN_WAIT_1 -> state = State.CLOSING;
            case FIN_WAIT_2 -> waitTime();
            default -> {}
        }
    }

    private void waitTime() {
        state = State.TIME_WAIT;
        waiting = false;
        timer.armAt(stack.loop().now() + TIME_WAIT_NANOS);
    }

    private void guestSyn(TcpSegment syn) {
        receiver.begin(syn.sequence);
        guestScale = syn.scale;
        if (guestScale != TcpSegment.NO_SCALE) receiver.scale(receiver.wantedScale());
        sender.options(syn.mss, syn.scale, stack.mss());
    }

    // ---- what goes out

    /**
     * Writes to the host and sends to the guest everything that is due.
     *
     * @return false if the link has no room now; the caller must then call again
     */
    boolean flush() {
        try {
            writeHost();
        } catch (IOException e) {
            reset();
        }
        boolean all = switch (state) {
            case CONNECTING, CLOSED -> true;
            case SYN_SENT, SYN_RECEIVED -> flushSyn();
            default -> flushData();
        };
        if (channel.isOpen()) {
            updateInterest();
            if (hostOutputShut && sender.finQueued()) closeChannel();
        }
        releaseIfOver();
        return all;
    }

    private void sendSyn(State next) {
        state = next;
        sender.begin(ThreadLocalRandom.current().nextInt());
        synDue = true;
        retries = 0;
        timer.armAt(stack.loop().now() + sender.timeout().nanos());
        stack.touch(this);
    }

    private boolean flushSyn() {
        if (!synDue) return true;
        boolean answer = state == State.SYN_RECEIVED;
        boolean scaled = !answer || guestScale != TcpSegment.NO_SCALE;
        int flags = answer ? Tcp.SYN | Tcp.ACK : Tcp.SYN;
        int window = answer ? receiver.synWindow() : Tcp.MAX_WINDOW;
        int scale = scaled ? receiver.wantedScale() : TcpSegment.NO_SCALE;
        if (!stack.sendSyn(this, sender.next() - 1, answer ? receiver.next() : 0, flags, window, scale)) return false;
        synDue = false;
        return true;
    }

    private boolean flushData() {
        GuestLink link = stack.link();
        while (true) {
            int length = sender.nextLength(link.maxTcpPayload(sender.mss()), forced);
            boolean fin = !sender.resendDue() && length == sender.unsent() && finDueBehind(length);
            if (length == 0 && !fin) break;
            if (!sendSegment(length, fin)) return false;
            forced = false;
        }
        forced = false;
        if (acknowledgeDue && !acknowledge()) return false;
        armTimer();
        return true;
    }

    /** Sends a pure acknowledgement; returns false if the link has no room. */
    private boolean acknowledge() {
        if (!stack.sendSegment(this, sender.next(), Tcp.ACK, 0, 0)) return false;
        acknowledgeDue = false;
        return true;
    }

    private boolean finDueBehind(int length) {
        return length == 0 ? sender.finDue() : sender.finQueued() && !sender.finAcknowledged();
    }

    private boolean sendSegment(int length, boolean fin) {
        int flags = Tcp.ACK | (fin ? Tcp.FIN : 0) | (length > 0 && length == sender.unsent() ? Tcp.PSH : 0);
        int distance = sender.nextDistance();
        if (!stack.sendSegment(this, sender.nextSequence(), flags, distance, length)) return false;
        if (sender.sent(length + (fin ? 1 : 0), stack.loop().now())) stack.countRetransmission();
        acknowledgeDue = false;
        if (fin && state == State.ESTABLISHED) state = State.FIN_WAIT_1;
        if (fin && state == State.CLOSE_WAIT) state = State.LAST_ACK;
        return true;
    }

    private void armTimer() {
        if (state == State.TIME_WAIT || state == State.CLOSED) return;
        long now = stack.loop().now();
        boolean expects = sender.inFlight() || sender.unsent() > 0;
        if (expects && !waiting) timer.armAt(now + sender.timeout().nanos()); // RFC 6298, 5.1
        else if (!expects && !timer.isArmed()) timer.armAt(now + KEEPALIVE_NANOS);
        waiting = expects;
    }

    private void timeOver() {
        switch (state) {
            case CONNECTING -> {
                stack.connectFailed(this, receiver.next(), false);
                drop();
            }
            case TIME_WAIT -> {
                state = State.CLOSED;
                remove();
            }
            case CLOSED -> {}
            default -> {
                // What the guest has not even taken cannot be lost: its machine is slow, or stands.
                if (!stack.link().isDrained())
                    timer.armAt(stack.loop().now() + sender.timeout().nanos());
                else retry();
            }
        }
        stack.touch(this);
    }

    private void retry() {
        long now = stack.loop().now();
        boolean syn = state == State.SYN_SENT || state == State.SYN_RECEIVED;
        if (!syn && !waiting) {
            keepAlive(now);
            return;
        }
        if (++retries > (syn ? MAX_SYN_RETRIES : MAX_RETRIES)) {
            reset();
            return;
        }
        sender.timeout().backOff();
        if (syn) {
            synDue = true;
        } else {
            sender.rewind();
            forced = true;
        }
        timer.armAt(now + sender.timeout().nanos());
    }

    /**
     * Sends keep-alives, so that a guest that forgot its connections does not hold sockets of this
     * process: RFC 9293, 3.8.4.
     */
    private void keepAlive(long now) {
        if (now - lastHeard >= KEEPALIVE_NANOS) {
            if (++keepalives > MAX_KEEPALIVES) {
                reset();
                return;
            }
            stack.sendSegment(this, sender.next() - 1, Tcp.ACK, 0, 0);
        }
        timer.armAt(now + KEEPALIVE_NANOS);
    }

    int window() {
        return receiver.window(sender.mss());
    }

    int acknowledgment() {
        return receiver.next();
    }

    int mss() {
        return sender.mss();
    }

    void copyData(int distance, byte[] to, int at, int length) {
        sender.ring().copy(distance, to, at, length);
    }

    // ---- the end

    /** Ends the connection to free its socket for another; each side learns of it. */
    void evict() {
        if (state == State.CONNECTING) stack.sendRefusal(this, receiver.next());
        reset();
    }

    /** Resets both sides. */
    void reset() {
        if (state.compareTo(State.SYN_SENT) >= 0 && state != State.CLOSED && state != State.TIME_WAIT) {
            stack.sendReset(this, sender.next());
        }
        drop();
    }

    /** Resets the host's side and forgets the guest's side. */
    private void drop() {
        state = State.CLOSED;
        if (channel.isOpen()) {
            try {
                channel.setOption(StandardSocketOptions.SO_LINGER, 0); // closing then resets
            } catch (IOException e) {
                // it is not connected, so there is nobody to tell
            }
        }
        closeChannel();
        remove();
        releaseIfOver();
    }

    private void closeChannel() {
        if (!holdsSocket) return;
        holdsSocket = false;
        NetLoop.closeQuietly(channel);
        stack.socketClosed(this);
    }

    private void remove() {
        if (removed) return;
        removed = true;
        timer.close();
        stack.remove(this);
    }

    /** Frees all resources if both sides have ended. */
    private void releaseIfOver() {
        if (!removed || channel.isOpen()) return;
        receiver.ring().clear();
        sender.ring().clear();
        stack.released(this);
    }
}
