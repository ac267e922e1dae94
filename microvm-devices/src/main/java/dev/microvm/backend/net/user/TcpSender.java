package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Tcp;

/**
 * The sending side of a connection with the guest: the send sequence space of RFC 9293, 3.3.1, with
 * the data that is not acknowledged yet. There is no congestion control: the link to the guest is
 * memory whose room is known, so only the guest's window limits sending. For one thread.
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

    /** Returns the ring of the data from the host. */
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

    /** Begins with a SYN of this sequence number. */
    void begin(int initialSequence) {
        unacknowledged = initialSequence;
        next = initialSequence + 1;
        most = next;
    }

    /** Applies the options of the guest's SYN. */
    void options(int guestMss, int guestScale, int mostMss) {
        mss = Math.clamp(guestMss, MIN_MSS, mostMss);
        scale = Math.max(0, guestScale);
    }

    /** Returns whether this number acknowledges the SYN and nothing else. */
    boolean acknowledgesSyn(int acknowledgment) {
        return acknowledgment == next;
    }

    /** Notes that this segment acknowledged the SYN, and takes its window. */
    void established(TcpSegment segment, boolean scaled) {
        unacknowledged = next;
        window = segment.window << (scaled ? scale : 0);
        windowSequence = segment.sequence;
        windowAcknowledgment = segment.acknowledgment;
    }

    /** Queues the FIN, because the host sends no more data. */
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

    /** Returns the number of bytes from the host that must be sent, for the first time or again. */
    int unsent() {
        return ring.size() - sentData();
    }

    private int sentData() {
        return Math.min(next - unacknowledged, ring.size());
    }

    /** Returns whether a FIN is due after the data that was sent. */
    boolean finDue() {
        return finQueued && !finAcknowledged && next == unacknowledged + ring.size();
    }

    boolean windowClosed() {
        return window == 0;
    }

    /** Returns the length of the data of the next segment; 0 if there is none, or it must wait. */
    int nextLength(int mostPayload, boolean forced) {
        if (resend) return Math.min(mss, Math.min(most - unacknowledged, ring.size()));
        int flying = next - unacknowledged;
        int unsent = unsent();
        int length = Math.min(unsent, Math.min(window - flying, mostPayload));
        if (forced && length <= 0 && flying == 0) return Math.min(1, unsent); // a probe: RFC 9293, 3.8.6.1
        if (length < mss && length < unsent && flying > 0) return 0; // wait for more window: 3.8.6.2.1
        return Math.max(0, length);
    }

    /** Returns whether the first segment must be sent again, even if it is not the next one. */
    boolean resendDue() {
        return resend && !ring.isEmpty();
    }

    int unacknowledged() {
        return unacknowledged;
    }

    /** Returns the distance of the next segment's data from the start of the ring. */
    int nextDistance() {
        return resend ? 0 : next - unacknowledged;
    }

    int nextSequence() {
        return resend ? unacknowledged : next;
    }

    /**
     * Notes that the next segment was sent; returns whether any part of it had been sent before.
     */
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

    /** Returns to the first byte that is not acknowledged, after a time-out. */
    void rewind() {
        next = unacknowledged;
        timing = false;
        recovering = false;
        resend = false;
        duplicates = 0;
    }

    /**
     * Applies the acknowledgement and the window of a segment.
     *
     * @return how many more sequence numbers it acknowledges; negative if it acknowledges numbers
     *     that were never sent
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
