package dev.microvm.devices.virtio.net;

import dev.microvm.backend.net.NetOffload;
import java.util.EnumSet;
import java.util.Set;

/** Feature bits of a network device: VIRTIO 1.2, section 5.1.3. */
final class NetFeatures {
    static final long CSUM = 1L << 0; // the device completes checksums
    static final long GUEST_CSUM = 1L << 1; // the driver does
    static final long MTU = 1L << 3;
    static final long MAC = 1L << 5;
    static final long GUEST_TSO4 = 1L << 7; // the driver takes large segments
    static final long GUEST_TSO6 = 1L << 8;
    static final long GUEST_ECN = 1L << 9;
    static final long HOST_TSO4 = 1L << 11; // the device does
    static final long HOST_TSO6 = 1L << 12;
    static final long HOST_ECN = 1L << 13;
    static final long MRG_RXBUF = 1L << 15; // a frame may fill several buffers
    static final long STATUS = 1L << 16;
    static final long CTRL_VQ = 1L << 17;
    static final long CTRL_RX = 1L << 18;
    static final long CTRL_MAC_ADDR = 1L << 23;

    private NetFeatures() {}

    /** What a device offers whose network has these offloads, in both directions. */
    static long of(Set<NetOffload> offloads) {
        long features = MTU | MAC | MRG_RXBUF | STATUS | CTRL_VQ | CTRL_RX | CTRL_MAC_ADDR;
        if (!offloads.contains(NetOffload.CHECKSUM)) return features;
        features |= CSUM | GUEST_CSUM;
        if (offloads.contains(NetOffload.TSO4)) features |= HOST_TSO4 | GUEST_TSO4;
        if (offloads.contains(NetOffload.TSO6)) features |= HOST_TSO6 | GUEST_TSO6;
        if (offloads.contains(NetOffload.TSO_ECN)) features |= HOST_ECN | GUEST_ECN;
        return features;
    }

    /** What the driver takes. */
    static Set<NetOffload> guestOffloads(long features) {
        Set<NetOffload> taken = EnumSet.noneOf(NetOffload.class);
        if ((features & GUEST_CSUM) == 0) return taken;
        taken.add(NetOffload.CHECKSUM);
        if ((features & GUEST_TSO4) != 0) taken.add(NetOffload.TSO4);
        if ((features & GUEST_TSO6) != 0) taken.add(NetOffload.TSO6);
        if ((features & GUEST_ECN) != 0) taken.add(NetOffload.TSO_ECN);
        return taken;
    }

    /** Whether what depends on other bits has them: section 5.1.3.1. */
    static boolean consistent(long features) {
        return implies(features, GUEST_TSO4 | GUEST_TSO6, GUEST_CSUM)
                && implies(features, HOST_TSO4 | HOST_TSO6, CSUM)
                && implies(features, GUEST_ECN, GUEST_TSO4 | GUEST_TSO6)
                && implies(features, HOST_ECN, HOST_TSO4 | HOST_TSO6)
                && implies(features, CTRL_RX | CTRL_MAC_ADDR, CTRL_VQ);
    }

    private static boolean implies(long features, long any, long oneOf) {
        return (features & any) == 0 || (features & oneOf) != 0;
    }
}
