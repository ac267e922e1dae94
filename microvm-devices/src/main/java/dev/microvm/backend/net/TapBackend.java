package dev.microvm.backend.net;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.microvm.error.GuestNoise;
import dev.microvm.error.MicroVmException;
import dev.microvm.linux.DescriptorWatch;
import dev.microvm.linux.Errno;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A network interface of Linux's, of type tap: what the guest sends, the host receives there.
 *
 * <p>The interface is used if it is there and this process may (its owner may); else it is made,
 * which needs CAP_NET_ADMIN, and is gone when this is closed. Addresses, bridges and bringing it up
 * are the administrator's: {@code ip link set tap0 up}. A frame that the host has no room for, or
 * for an interface that is down, is lost, as on a wire. Checksums and TCP segments are left to the
 * kernel, and to the guest.
 */
public final class TapBackend implements NetBackend {
    private static final Logger log = LoggerFactory.getLogger(TapBackend.class);

    private static final String DEVICE = "/dev/net/tun";
    private static final Pattern NAME = Pattern.compile("[^\\s/:%]{1,15}"); // dev_valid_name, net/core/dev.c

    // include/uapi/asm-generic/fcntl.h
    private static final int O_RDWR = 0x2;
    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 0x80000;

    // include/uapi/linux/if_tun.h
    private static final long TUNSETIFF = 0x4004_54ca;
    private static final long TUNSETOFFLOAD = 0x4004_54d0;
    private static final long TUNSETVNETHDRSZ = 0x4004_54d8;
    private static final short IFF_TAP = 0x0002;
    private static final short IFF_MULTI_QUEUE = 0x0100;
    private static final short IFF_NO_PI = 0x1000;
    private static final short IFF_VNET_HDR = 0x4000;
    private static final short FLAGS = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    private static final int TUN_F_CSUM = 0x01;
    private static final int TUN_F_TSO4 = 0x02;
    private static final int TUN_F_TSO6 = 0x04;
    private static final int TUN_F_TSO_ECN = 0x08;

    // struct ifreq, include/uapi/linux/if.h
    private static final long IFREQ_SIZE = 40;
    private static final long IFREQ_FLAGS = 16;

    private final String tap;
    private @Nullable FileDescriptor fd;
    private @Nullable DescriptorWatch watch;
    private int mtu = ETHERNET_MTU;
    private final GuestNoise lost = new GuestNoise();

    /**
     * Describes one; {@link #start} opens it.
     *
     * @param tap the name of the interface: 1 to 15 characters, no space, '/', ':', '%'
     * @throws IllegalArgumentException if that is no name of an interface
     */
    public TapBackend(String tap) {
        if (!isName(tap)) {
            throw new IllegalArgumentException("tap: the name of a network interface, was \"" + tap + "\"");
        }
        this.tap = tap;
    }

    /** Whether it can be the name of an interface: net/core/dev.c, {@code dev_valid_name}. */
    public static boolean isName(String tap) {
        Objects.requireNonNull(tap, "tap");
        return NAME.matcher(tap).matches() && !tap.equals(".") && !tap.equals("..");
    }

    /** The name of the interface. */
    public String tap() {
        return tap;
    }

    @Override
    public synchronized void start(String name, Runnable ready) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(ready, "ready");
        if (fd != null) throw new IllegalStateException("tap " + tap + " is used by a device");
        FileDescriptor open = new FileDescriptor(openDevice());
        try {
            attach(open.value());
            fd = open;
            mtu = NetInterface.mtu(tap).orElse(ETHERNET_MTU);
            watch = new DescriptorWatch(open.value(), "microvm-" + name + "-tap", ready);
        } catch (RuntimeException e) {
            fd = null;
            open.close();
            throw e;
        }
    }

    @Override
    public boolean send(MemorySegment segment, long offset, long length) {
        Objects.requireNonNull(segment, "segment");
        FileDescriptor open = fd;
        if (open == null) return true;
        long written = Libc.write(open.value(), segment.asSlice(offset, length));
        // EINVAL is a header that makes no sense, EIO an interface that is down, EAGAIN or ENOBUFS a host that is
        // behind.
        long n = written < 0 ? lost.count() : 0;
        if (n != 0) log.debug("tap {}: {} frames lost, last: {}", tap, n, Errno.text((int) -written));
        return true;
    }

    @Override
    public int receive(MemorySegment segment, long offset, int capacity) {
        Objects.requireNonNull(segment, "segment");
        FileDescriptor open = fd;
        DescriptorWatch watching = watch;
        if (open == null || watching == null) return NO_FRAME;
        long length = Libc.read(open.value(), segment.asSlice(offset, capacity));
        if (length > 0) return (int) length;
        if (length == -Errno.EAGAIN || length == -Errno.EINTR) watching.arm();
        return NO_FRAME; // on any other error the interface was deleted: nothing comes any more
    }

    @Override
    public boolean vnetHeader() {
        return true;
    }

    @Override
    public Set<NetOffload> offloads() {
        return EnumSet.allOf(NetOffload.class);
    }

    @Override
    public void guestOffloads(Set<NetOffload> accepted) {
        Objects.requireNonNull(accepted, "accepted");
        FileDescriptor open = fd;
        if (open == null) return;
        int flags = 0;
        if (accepted.contains(NetOffload.CHECKSUM)) {
            flags = TUN_F_CSUM;
            if (accepted.contains(NetOffload.TSO4)) flags |= TUN_F_TSO4;
            if (accepted.contains(NetOffload.TSO6)) flags |= TUN_F_TSO6;
            if (accepted.contains(NetOffload.TSO_ECN)) flags |= TUN_F_TSO_ECN;
        }
        Libc.check("ioctl(TUNSETOFFLOAD)", Libc.ioctl(open.value(), TUNSETOFFLOAD, flags));
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public synchronized void close() {
        if (watch != null) watch.close();
        if (fd != null) fd.close();
        watch = null;
        fd = null;
    }

    private static int openDevice() {
        int opened = Libc.open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (opened == -Errno.ENOENT || opened == -Errno.ENODEV || opened == -Errno.ENXIO) {
            throw new MicroVmException("tap: there is no " + DEVICE + ": load the module with \"modprobe tun\"");
        }
        if (opened == -Errno.EACCES || opened == -Errno.EPERM) {
            throw new MicroVmException(
                    "tap: no permission to open " + DEVICE + ": allow this user to read and write it");
        }
        return Libc.check("open(" + DEVICE + ")", opened);
    }

    private void attach(int open) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(IFREQ_SIZE, Long.BYTES);
            request.setString(0, tap, StandardCharsets.UTF_8);
            int result = attach(open, request, FLAGS);
            if (result == -Errno.EINVAL) { // an interface that was made for several queues: this is one of them
                result = attach(open, request, (short) (FLAGS | IFF_MULTI_QUEUE));
            }
            if (result < 0) throw attachFailed(-result);
            MemorySegment size = arena.allocateFrom(JAVA_INT, VnetHeader.SIZE);
            Libc.check("ioctl(TUNSETVNETHDRSZ)", Libc.ioctl(open, TUNSETVNETHDRSZ, size));
        }
        Libc.check("ioctl(TUNSETOFFLOAD)", Libc.ioctl(open, TUNSETOFFLOAD, 0));
    }

    private static int attach(int open, MemorySegment request, short flags) {
        request.set(JAVA_SHORT, IFREQ_FLAGS, flags);
        return Libc.ioctl(open, TUNSETIFF, request);
    }

    private MicroVmException attachFailed(int errno) {
        ErrnoException cause = new ErrnoException("ioctl(TUNSETIFF, " + tap + ")", errno);
        boolean exists = NetInterface.exists(tap);
        String problem = switch (errno) {
            case Errno.EBUSY -> "is in use by another process: end that, or choose another interface";
            case Errno.EPERM ->
                exists
                        ? "belongs to another user: make it with \"ip tuntap add dev %s mode tap user %s\""
                                .formatted(tap, System.getProperty("user.name"))
                        : ("is not there, and making it needs CAP_NET_ADMIN:"
                                        + " as root, \"ip tuntap add dev %s mode tap user %s\"")
                                .formatted(tap, System.getProperty("user.name"));
            case Errno.EINVAL ->
                exists ? "is no tap interface: choose another" : "cannot be made: " + cause.getMessage();
            default -> "cannot be opened: " + cause.getMessage();
        };
        return new MicroVmException("tap " + tap + ": " + problem, cause);
    }
}
