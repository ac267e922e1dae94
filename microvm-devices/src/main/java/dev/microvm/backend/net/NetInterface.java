package dev.microvm.backend.net;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;

/**
 * What Linux says about a network interface of this process's network namespace. A file system of
 * type sysfs shows the namespace of whoever mounted it, so that {@code /sys/class/net} may be about
 * other interfaces.
 */
final class NetInterface {
    private static final int AF_INET = 2; // include/linux/socket.h
    private static final int SOCK_DGRAM = 2; // include/linux/net.h
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final long SIOCGIFMTU = 0x8921; // include/uapi/linux/sockios.h

    // struct ifreq, include/uapi/linux/if.h: the name comes first
    private static final long IFREQ_SIZE = 40;
    private static final long IFREQ_MTU = 16;

    private NetInterface() {}

    /** Returns whether there is such an interface. */
    static boolean exists(String name) {
        return mtu(name).isPresent();
    }

    /** Returns the largest packet of an interface in bytes; empty if there is no such interface. */
    static OptionalInt mtu(String name) {
        int socket = Libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (socket < 0) return OptionalInt.empty();
        try (FileDescriptor open = new FileDescriptor(socket);
                Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(IFREQ_SIZE, Long.BYTES);
            request.setString(0, name, StandardCharsets.UTF_8);
            int result = Libc.ioctl(open.value(), SIOCGIFMTU, request);
            return result == -Errno.ENODEV ? OptionalInt.empty() : OptionalInt.of(request.get(JAVA_INT, IFREQ_MTU));
        }
    }
}
