package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Operations on files of a guest, by paths. Any thread may call. */
public final class RemoteFiles {
    /** Maximum number of entries of one folder. */
    public static final int MOST_ENTRIES = 1_000_000;

    // Operations of a request PATH.
    private static final int STAT = 1;
    private static final int LSTAT = 2;
    private static final int REMOVE = 3;
    private static final int REMOVE_TREE = 4;
    private static final int MKDIR = 5;
    private static final int RENAME = 6;
    private static final int SYMLINK = 7;
    private static final int LINK = 8;
    private static final int READLINK = 9;
    private static final int CHMOD = 10;
    private static final int CHOWN = 11;
    private static final int TIMES = 12;
    private static final int STATFS = 13;

    private static final int UNCHANGED = 0x3fff_fffe; // UTIME_OMIT of utimensat(2), as nanoseconds
    private static final int STATFS_BYTES = 5 * Long.BYTES;

    private final Dialer dialer;

    /** @param dialer to the agent */
    public RemoteFiles(Dialer dialer) {
        this.dialer = dialer;
    }

    /** An entry of a folder. */
    public record Entry(String name, FileStat stat) {}

    /** Sizes of a file system in bytes: all, free, and free for all users. */
    public record Space(long total, long free, long usable) {}

    /** Returns what a file is; with {@code follow}, what a symbolic link leads to. */
    public FileStat stat(String path, boolean follow) throws IOException {
        try (AgentChannel channel = dialer.request(operation(follow ? STAT : LSTAT, path, ""))) {
            return FileStat.read(channel.answer());
        }
    }

    /** Returns the entries of a folder, in no order. */
    public List<Entry> list(String path) throws IOException {
        List<Entry> entries = new ArrayList<>();
        try (AgentChannel channel = dialer.request(Payload.of(Wire.LIST).text(path))) {
            while (true) {
                Frame frame = channel.require();
                if (frame.type() == Wire.END) {
                    channel.complete();
                    return entries;
                }
                if (frame.type() != Wire.DATA) throw new AgentProtocolException("a frame of type " + frame.type());
                while (frame.payload().hasRemaining()) {
                    if (entries.size() == MOST_ENTRIES) {
                        throw new IOException("%s has more than %d entries".formatted(path, MOST_ENTRIES));
                    }
                    entries.add(entry(frame.payload()));
                }
            }
        }
    }

    private static Entry entry(ByteBuffer from) throws AgentProtocolException {
        FileStat stat = FileStat.read(from);
        int length = from.remaining() < Integer.BYTES ? -1 : from.getInt();
        if (length < 1 || length >= from.remaining()) throw new AgentProtocolException("an entry without its name");
        String name = text(from.slice(from.position(), length));
        from.position(from.position() + length + 1);
        if (name.indexOf('/') >= 0 || name.indexOf('\0') >= 0 || name.equals(".") || name.equals("..")) {
            throw new AgentProtocolException("the name of an entry");
        }
        return new Entry(name, stat);
    }

    private static String text(ByteBuffer bytes) {
        return StandardCharsets.UTF_8.decode(bytes).toString();
    }

    /** Removes a file or an empty folder. */
    public void remove(String path) throws IOException {
        dialer.number(operation(REMOVE, path, ""));
    }

    /** Removes a file, or a folder with all that it has; does not follow symbolic links. */
    public void removeTree(String path) throws IOException {
        dialer.number(operation(REMOVE_TREE, path, ""));
    }

    /** Makes a folder. */
    public void makeDirectory(String path, int mode) throws IOException {
        dialer.number(operation(MKDIR, path, "", mode, 0));
    }

    /** Renames a file, and replaces what is there. */
    public void rename(String from, String to) throws IOException {
        dialer.number(operation(RENAME, from, to));
    }

    /** Makes a symbolic link. */
    public void symlink(String path, String target) throws IOException {
        dialer.number(operation(SYMLINK, path, target));
    }

    /** Makes a further name of a file. */
    public void link(String path, String existing) throws IOException {
        dialer.number(operation(LINK, path, existing));
    }

    /** Returns the target of a symbolic link. */
    public String readLink(String path) throws IOException {
        try (AgentChannel channel = dialer.request(operation(READLINK, path, ""))) {
            return text(channel.answer());
        }
    }

    /** Sets a file's permissions. */
    public void changeMode(String path, int mode) throws IOException {
        dialer.number(operation(CHMOD, path, "", mode, 0));
    }

    /** Sets a file's owner and group; -1 leaves one as it is. */
    public void changeOwner(String path, int uid, int gid) throws IOException {
        dialer.number(operation(CHOWN, path, "", uid, gid));
    }

    /** Sets a file's times; null leaves one as it is. */
    public void changeTimes(String path, @Nullable Instant accessed, @Nullable Instant modified) throws IOException {
        Payload request = operation(TIMES, path, "");
        for (Instant time : new Instant[] {accessed, modified}) {
            request.int64(time == null ? 0 : time.getEpochSecond()).int64(time == null ? UNCHANGED : time.getNano());
        }
        dialer.number(request);
    }

    /** Returns the sizes of the file system of a path. */
    public Space space(String path) throws IOException {
        try (AgentChannel channel = dialer.request(operation(STATFS, path, ""))) {
            ByteBuffer words = channel.answer();
            if (words.remaining() < STATFS_BYTES) throw new AgentProtocolException("sizes that are too short");
            words.getLong(); // the type
            long block = words.getLong();
            return new Space(block * words.getLong(), block * words.getLong(), block * words.getLong());
        }
    }

    /** Opens a file with flags of open(2). */
    public RemoteFile open(String path, int flags, int mode) throws IOException {
        AgentChannel channel =
                dialer.request(Payload.of(Wire.OPEN).int32(flags).int32(mode).text(path));
        try {
            channel.number();
            return new RemoteFile(channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static Payload operation(int code, String path, String other) {
        return operation(code, path, other, 0, 0);
    }

    private static Payload operation(int code, String path, String other, long value, long second) {
        return Payload.of(Wire.PATH)
                .int32(code)
                .text(path)
                .text(other)
                .int64(value)
                .int64(second);
    }
}
