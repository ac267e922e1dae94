package dev.microvm.devices.virtio.fs;

import static dev.microvm.devices.virtio.fs.FuseProtocol.*;

import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.limits.Budget;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A guest's FUSE client, as friendly as its caller, and the device that it uses. For one thread. */
final class FuseClient implements AutoCloseable {
    private static final int REQUESTS = 1; // the queue
    private static final int ROOM = 1 << 16;
    private static final int MOST_DESCRIPTORS = 1000;

    final VirtioDriver driver;
    private @Nullable HostTree tree;
    private @Nullable VirtioFs device;
    private final long in;
    private final long out;
    private long unique;

    FuseClient(SharedDirectory directory) {
        this(directory, MOST_DESCRIPTORS);
    }

    FuseClient(SharedDirectory directory, int descriptors) {
        driver = new VirtioDriver(transport -> {
            tree = new HostTree(directory, new Budget("descriptors", descriptors));
            device = new VirtioFs(transport, "tag", tree, null);
            return device;
        });
        driver.start();
        in = driver.allocate(ROOM);
        out = driver.allocate(ROOM);
    }

    FuseClient mount() {
        Answer answer =
                call(INIT, 0, arguments(INIT_OUT).putInt(INIT_MAJOR, MAJOR).putInt(INIT_MINOR, MINOR));
        if (answer.error() != 0) throw new AssertionError("INIT: " + answer.error());
        return this;
    }

    HostTree tree() {
        return Objects.requireNonNull(tree);
    }

    VirtioFs device() {
        return Objects.requireNonNull(device);
    }

    /** What the device answered, the header left out. */
    record Answer(int error, ByteBuffer content) {
        long node() {
            return content.getLong(ENTRY_NODE);
        }

        int mode() {
            return content.getInt(ENTRY_ATTR + ATTR_MODE);
        }

        long handle() {
            return content.getLong(OPEN_OUT_HANDLE);
        }
    }

    static ByteBuffer arguments(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Arguments and then names, each with a zero at its end. */
    static ByteBuffer named(ByteBuffer arguments, String... names) {
        byte[] text = (String.join("\0", names) + "\0").getBytes(StandardCharsets.UTF_8);
        return arguments(arguments.capacity() + text.length)
                .put(0, arguments, 0, arguments.capacity())
                .put(arguments.capacity(), text);
    }

    Answer call(int opcode, long node, String... names) {
        return call(opcode, node, named(arguments(0), names));
    }

    Answer call(int opcode, long node, ByteBuffer arguments) {
        return call(opcode, node, arguments, IN_HEADER + arguments.capacity(), ROOM);
    }

    /** Sends a request that says it has a length, with so much room for the answer. */
    Answer call(int opcode, long node, ByteBuffer arguments, int length, int room) {
        byte[] request = new byte[IN_HEADER + arguments.capacity()];
        ByteBuffer.wrap(request)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(IN_LENGTH, length)
                .putInt(IN_OPCODE, opcode)
                .putLong(IN_UNIQUE, ++unique)
                .putLong(IN_NODE, node)
                .put(IN_HEADER, arguments, 0, arguments.capacity());
        driver.memory().write(in, request);
        driver.queue(REQUESTS).add(Buffer.readable(in, request.length), Buffer.writable(out, room));
        driver.notify(REQUESTS);
        int written = (int) driver.queue(REQUESTS).take().written();
        ByteBuffer answer = ByteBuffer.wrap(driver.memory().read(out, written)).order(ByteOrder.LITTLE_ENDIAN);
        if (written == 0) return new Answer(0, answer);
        if (answer.getLong(OUT_UNIQUE) != unique) throw new AssertionError("the answer to another request");
        if (answer.getInt(OUT_LENGTH) != written) throw new AssertionError("wrong length of an answer");
        return new Answer(
                -answer.getInt(OUT_ERROR),
                answer.slice(OUT_HEADER, written - OUT_HEADER).order(ByteOrder.LITTLE_ENDIAN));
    }

    Answer lookup(long node, String name) {
        return call(LOOKUP, node, name);
    }

    Answer open(long node, int flags) {
        return call(OPEN, node, arguments(OPEN_IN).putInt(OPEN_FLAGS, flags));
    }

    Answer create(long node, String name, int mode) {
        return call(
                CREATE,
                node,
                named(arguments(CREATE_IN).putInt(CREATE_FLAGS, 2).putInt(CREATE_MODE, 0x8000 | mode), name));
    }

    Answer makeDirectory(long node, String name) {
        return call(MKDIR, node, named(arguments(MKDIR_IN).putInt(MKDIR_MODE, 0755), name));
    }

    Answer makeNode(long node, String name, int mode) {
        return call(MKNOD, node, named(arguments(MKNOD_IN).putInt(MKNOD_MODE, mode), name));
    }

    Answer rename(long node, String name, long to, String newName) {
        return call(RENAME, node, named(arguments(RENAME_IN).putLong(RENAME_DIRECTORY, to), name, newName));
    }

    @Override
    public void close() {
        device().close();
    }
}
