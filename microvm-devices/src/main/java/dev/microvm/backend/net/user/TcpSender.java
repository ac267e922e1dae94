package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Tcp;

/**
 * What goes to the guest on a connection: the send sequence space of RFC 9293, 3.3.1, with what is not acknowledged yet.
 * There is no congestion control: the link to the guest is memory with room known beforehand, so only the guest's window
 * limits. For one thread.
 */
final class TcpSender {
    private static final int DUPLICATES = 3; // RFC 5681, 3.2
    private static final int MIN_MSS = 88; // as Linux has it: less is a guest that wants us to be busy

    private final ByteRing ring;
    private final RetransmissionTimeout timeout = new RetransmissionTimeout();
    private int unacknowledged; // SND.UNA; the ring begins here
    private int next; // SND.NXT
    private int most; // what was ever sent: next goes back to send again
    private int window; // SND.WND
    private int windowSequence; // SND.WL1
    private int windowAcknowledgment; // SND.WL2
    private int scale;
    private int mss = Tcp.DEFAULT_MSS;
    private boolean finQueued;
    private boolean finAcknowledged;

    private int duplicates;
    private boolean recovering; // from a loss, until all before recoverTo is acknowledged: RFC 6582
    private int recoverTo;
    private boolean resend; // the first segment, now

    private boolean timing;
    private int timedTo;
    private long timedAt;

    TcpSender(int limit, MemoryBudget budget) {
        ring = new ByteRing(limit, budget);
    }

    /** What came from the host. */
    ByteRing ring() {
        return ring;
    }

    RetransmissionTimeout timeout() {
        return timeout;
    }

    int next() {
        return next;
    }

    int mss() {
        return mss;
    }

    /** Begins with a SYN of this number. */
    void begin(int initialSequence) {
        unacknowledged = initialSequence;
        next = initialSequence + 1;
        most = next;
    }

    /** What the guest's SYN says. */
    void options(int guestMss, int guestScale, int mostMss) {
        mss = Math.clamp(guestMss, MIN_MSS, mostMss);
        scale = Math.max(0, guestScale);
    }

    /** Whether this number acknowledges the SYN, and nothing else. */
    boolean acknowledgesSyn(int acknowledgment) {
        return acknowledgment == next;
    }

    /** The SYN was acknowledged by this segment, whose window counts. */
    void established(TcpSegment segment, boolean scaled) {
        unacknowledged = next;
        window = segment.window << (scaled ? scale : 0);
        windowSequence = segment.sequence;
        windowAcknowledgment = segment.acknowledgment;
    }

    /** No more data comes from the host. */
    void queueFin() {
        finQueued = true;
    }

    boolean finQueued() {
        return finQueued;
    }

    boolean finAcknowledged() {
        return finAcknowledged;
    }

    boolean inFlight() {
        return most != unacknowledged;
    }

    /** How many bytes from the host are not sent, or to be sent again. */
    int unsent() {
        return ring.size() - sentData();
    }

    private int sentData() {
        return Math.min(next - unacknowledged, ring.size());
    }

    /** Whether a FIN is due behind the data that was sent. */
    boolean finDue() {
        return finQueued && !finAcknowledged && next == unacknowledged + ring.size();
    }

    boolean windowClosed() {
        return window == 0;
    }

    /** How much data the next segment should have; 0 if it must wait, or there is none. */
    int nextLength(int mostPayload, boolean forced) {
        if (resend) return Math.min(mss, Math.min(most - unacknowledged, ring.size()));
        int flying = next - unacknowledged;
        int unsent = unsent();
        int length = Math.min(unsent, Math.min(window - flying, mostPayload));
        if (forced && length <= 0 && flying == 0) return Math.min(1, unsent); // a probe: RFC 9293, 3.8.6.1
        if (length < mss && length < unsent && flying > 0) return 0; // wait for more window: 3.8.6.2.1
        return Math.max(0, length);
    }

    /** Whether the first segment is due again although it may not be the next. */
    boolean resendDue() {
        return resend && !ring.isEmpty();
    }

    int unacknowledged() {
        return unacknowledged;
    }

    /** Where the next segment's data is in the ring. */
    int nextDistance() {
        return resend ? 0 : next - unacknowledged;
    }

    int nextSequence() {
        return resend ? unacknowledged : next;
    }

    /** The next segment was sent. Returns whether it, or part of it, had been before. */
    boolean sent(int sequenceLength, long now) {
        if (resend) {
            resend = false;
            timing = false;
            return true;
        }
        boolean again = most - next > 0;
        next += sequenceLength;
        if (next - most > 0) most = next;
        if (again) {
            timing = false;
        } else if (!timing) {
            timing = true;
            timedTo = next;
            timedAt = now;
        }
        return again;
    }

    /** Goes back to what is not acknowledged, because the time is over. */
    void rewind() {
        next = unacknowledged;
        timing = false;
        recovering = false;
        resend = false;
        duplicates = 0;
    }

    /**
     * Takes acknowledgement and window of a segment.
     *
     * @return how many numbers it acknowledges anew; negative if it acknowledges what was never sent
     */
    int acknowledge(TcpSegment segment, long now) {
        int acknowledgment = segment.acknowledgment;
        if (acknowledgment - most > 0) return -1;
        int newly = acknowledgment - unacknowledged;
        int newWindow = segment.window << scale;
        if (newly > 0) {
            advance(acknowledgment, newly, now);
        } else if (newly == 0 && inFlight() && segment.sequenceLength() == 0 && newWindow == window && window > 0) {
            duplicate();
        }
        int newer = segment.sequence - windowSequence;
        if (newer > 0 || (newer == 0 && acknowledgment - windowAcknowledgment >= 0)) { // RFC 9293, 3.10.7.4
            window = newWindow;
            windowSequence = segment.sequence;
            windowAcknowledgment = acknowledgment;
        }
        return Math.max(0, newly);
    }

    private void advance(int to, int count, long now) {
        if (timing && to - timedTo >= 0) {
            timing = false;
            timeout.sample(now - timedAt);
        }
        int data = Math.min(count, ring.size());
        ring.discard(data);
        if (count > data) finAcknowledged = true;
        unacknowledged = to;
        if (next - to < 0) next = to;
        duplicates = 0;
        if (recovering && to - recoverTo >= 0) recovering = false;
        else if (recovering) resend = true; // a partial acknowledgement: the next hole, RFC 6582, 3.2
    }

    private void duplicate() {
        if (++duplicates != DUPLICATES || recovering) return;
        recovering = true;
        recoverTo = most;
        resend = true;
    }
}
