package dev.microvm.devices.virtio.fs;

import static dev.microvm.devices.virtio.fs.FuseProtocol.*;
import static dev.microvm.linux.Errno.EINVAL;
import static dev.microvm.linux.Errno.EIO;
import static dev.microvm.linux.Errno.ENOSYS;
import static dev.microvm.linux.Errno.EPROTO;

import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.error.GuestNoise;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is between a guest's FUSE client and a {@link HostTree}, from FUSE_INIT to FUSE_DESTROY:
 * include/uapi/linux/fuse.h. For one thread at a time.
 *
 * <p>Each request becomes an answer or an error number, whatever is in it. ENOSYS tells the client
 * once and for all that it need not ask: permissions are the guest's to check (ACCESS), there is
 * nothing to do when a file is closed (FLUSH), locks are the guest's own, and there are no extended
 * attributes.
 */
final class FuseSession {
    private static final int PAGES = 256; // of 4 KiB

    /** Most bytes of a read or a write. */
    static final int MOST_BYTES = PAGES << 12;

    private static final int WANTED = ASYNC_READ
            | ATOMIC_O_TRUNC
            | BIG_WRITES
            | AUTO_INVAL_DATA
            | DO_READDIRPLUS
            | READDIRPLUS_AUTO
            | ASYNC_DIO
            | PARALLEL_DIROPS
            | MAX_PAGES;
    private static final int BACKGROUND = 64; // requests that the client may have waiting without a caller
    private static final int CONGESTED = 48;

    private static final Logger log = LoggerFactory.getLogger(FuseSession.class);

    private final String name;
    private final HostTree tree;
    private final FuseNames names;
    private final FuseFiles files;
    private final FuseDirectories directories;
    private final GuestNoise failures = new GuestNoise();
    private boolean mounted;

    /**
     * Makes a session that has not begun.
     *
     * @param name of the device, for the log
     */
    FuseSession(String name, HostTree tree) {
        this.name = name;
        this.tree = tree;
        names = new FuseNames(tree);
        files = new FuseFiles(tree);
        directories = new FuseDirectories(tree);
    }

    /** Whether the guest has mounted the file system. */
    boolean mounted() {
        return mounted;
    }

    /** Ends the session: the guest knows nothing and has nothing open. */
    void clear() {
        mounted = false;
        tree.clear();
    }

    /** Does a request and sets its result. */
    void execute(FuseRequest request) {
        long result;
        try {
            tree.giveBack();
            result = request.in().getInt(IN_LENGTH) == request.in().length() ? perform(request) : -EINVAL;
        } catch (RuntimeException e) {
            result = -EIO;
            long n = failures.count();
            if (n != 0) log.error("{}: request {} failed ({} times so far)", name, request.opcode(), n, e);
        }
        request.finish(result);
    }

    private long perform(FuseRequest request) {
        if (request.opcode() == INIT) return init(request);
        if (!mounted) return -EIO;
        return switch (request.opcode()) {
            case LOOKUP -> names.lookup(request);
            case FORGET -> names.forget(request);
            case BATCH_FORGET -> names.forgetMany(request);
            case GETATTR -> names.attributes(request);
            case SETATTR -> names.setAttributes(request);
            case READLINK -> names.readLink(request);
            case SYMLINK -> names.makeSymbolicLink(request);
            case MKNOD -> names.makeNode(request);
            case MKDIR -> names.makeDirectory(request);
            case UNLINK -> names.unlink(request);
            case RMDIR -> names.removeDirectory(request);
            case RENAME -> names.rename(request, RENAME_IN);
            case RENAME2 -> names.rename(request, RENAME2_IN);
            case LINK -> names.link(request);
            case STATFS -> names.statFs(request);
            case OPEN -> files.open(request);
            case CREATE -> files.create(request);
            case READ -> files.read(request);
            case WRITE -> files.write(request);
            case RELEASE, RELEASEDIR -> files.release(request);
            case FSYNC, FSYNCDIR -> files.sync(request);
            case FALLOCATE -> files.allocate(request);
            case LSEEK -> files.seek(request);
            case COPY_FILE_RANGE -> files.copy(request);
            case OPENDIR -> directories.open(request);
            case READDIR -> directories.read(request, /* plus= */ false);
            case READDIRPLUS -> directories.read(request, /* plus= */ true);
            case INTERRUPT -> 0; // one request after the other: it came too late
            case DESTROY -> destroy();
            default -> -ENOSYS;
        };
    }

    /** A client of a later major version asks again, with ours; one of an earlier minor is not served. */
    private long init(FuseRequest request) {
        if (!request.has(INIT_IN, INIT_OUT)) return -EINVAL;
        int major = request.getInt(INIT_MAJOR);
        int minor = request.getInt(INIT_MINOR);
        if (major < MAJOR || (major == MAJOR && minor < MINOR)) return -EPROTO;
        clear();
        request.out()
                .forEach(
                        OUT_HEADER,
                        INIT_OUT,
                        (segment, offset, length) ->
                                segment.asSlice(offset, length).fill((byte) 0));
        request.putInt(INIT_MAJOR, MAJOR);
        request.putInt(INIT_MINOR, MINOR);
        if (major > MAJOR) return INIT_OUT;
        mounted = true;
        request.putInt(INIT_READAHEAD, request.getInt(INIT_READAHEAD));
        request.putInt(INIT_FLAGS, request.getInt(INIT_FLAGS) & WANTED);
        request.putShort(INIT_BACKGROUND, BACKGROUND);
        request.putShort(INIT_CONGESTION, CONGESTED);
        request.putInt(INIT_MAX_WRITE, MOST_BYTES);
        request.putInt(INIT_TIME_GRANULARITY, 1);
        request.putShort(INIT_MAX_PAGES, PAGES);
        return INIT_OUT;
    }

    private long destroy() {
        clear();
        return 0;
    }
}
