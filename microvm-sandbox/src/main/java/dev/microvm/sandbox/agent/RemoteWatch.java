package dev.microvm.sandbox.agent;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** What happens in a folder of a guest: inotify(7). One thread reads; any thread may close. */
public final class RemoteWatch implements Closeable {
    // Events, as bits: include/uapi/linux/inotify.h.
    public static final int MODIFY = 0x2;
    public static final int MOVED_FROM = 0x40;
    public static final int MOVED_TO = 0x80;
    public static final int CREATE = 0x100;
    public static final int DELETE = 0x200;
    /** Events were lost. */
    public static final int OVERFLOW = 0x4000;
    /** There will be no more: the folder is gone. */
    public static final int IGNORED = 0x8000;

    private static final int ONLY_FOLDERS = 0x0100_0000;
    private static final int HEADER = 16; // bytes of struct inotify_event before the name

    private final AgentChannel channel;

    /**
     * Something that happened.
     *
     * @param mask bits of what it was
     * @param name of the file in the folder; empty if it is about the folder itself
     */
    public record Event(int mask, String name) {}

    private RemoteWatch(AgentChannel channel) {
        this.channel = channel;
    }

    /** Begins to watch a folder for these events. */
    static RemoteWatch begin(Dialer dialer, String path, int mask) throws IOException {
        AgentChannel channel =
                dialer.request(Payload.of(Wire.WATCH).int32(mask | ONLY_FOLDERS).text(path));
        try {
            channel.number();
            return new RemoteWatch(channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Waits for something to happen; returns nothing when the guest tells no more. */
    public List<Event> next() throws IOException {
        Frame frame = channel.read();
        List<Event> events = new ArrayList<>();
        if (frame == null) return events;
        if (frame.type() != Wire.DATA) throw new AgentProtocolException("a frame of type " + frame.type());
        ByteBuffer payload = frame.payload();
        while (payload.hasRemaining()) {
            if (payload.remaining() < HEADER) throw new AgentProtocolException("an event that is too short");
            payload.getInt(); // which watch: there is one
            int mask = payload.getInt();
            payload.getInt(); // joins the two events of a rename
            int length = payload.getInt();
            if (length < 0 || length > payload.remaining()) throw new AgentProtocolException("an event's name");
            events.add(new Event(mask, name(payload, length)));
        }
        return events;
    }

    /** Reads a name, which is filled up with zeros. */
    private static String name(ByteBuffer from, int length) throws AgentProtocolException {
        byte[] bytes = new byte[length];
        from.get(bytes);
        int end = 0;
        while (end < length && bytes[end] != 0) end++;
        String name = new String(bytes, 0, end, StandardCharsets.UTF_8);
        if (name.indexOf('/') >= 0) throw new AgentProtocolException("an event's name");
        return name;
    }

    /** Ends the watch. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
