package dev.microvm.devices.virtio.net;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.devices.virtio.GuestBuffer;
import java.util.function.LongConsumer;

/** Obeys the commands of the control queue: VIRTIO 1.2, section 5.1.6.5. */
final class NetControl {
    static final int ACK_OK = 0;
    static final int ACK_ERROR = 1;

    // struct virtio_net_ctrl
    private static final int CLASS = 0; // u8
    private static final int COMMAND = 1; // u8
    private static final int DATA = 2;
    private static final int CLASS_RX = 0;
    private static final int RX_PROMISC = 0;
    private static final int RX_ALLMULTI = 1;
    private static final int CLASS_MAC = 1;
    private static final int MAC_TABLE_SET = 0;
    private static final int MAC_ADDR_SET = 1;

    private final ReceiveFilter filter;
    private final LongConsumer address;

    /**
     * Makes it for a device.
     *
     * @param address takes the Ethernet address that the driver sets
     */
    NetControl(ReceiveFilter filter, LongConsumer address) {
        this.filter = filter;
        this.address = address;
    }

    /** Obeys a command; returns its acknowledgement. */
    int obey(GuestBuffer command) {
        if (command.length() <= DATA) return ACK_ERROR;
        boolean obeyed =
                switch (command.getByte(CLASS)) {
                    case CLASS_RX -> receive(command.getByte(COMMAND), command.getByte(DATA) != 0);
                    case CLASS_MAC -> mac(command.getByte(COMMAND), command);
                    default -> false;
                };
        return obeyed ? ACK_OK : ACK_ERROR;
    }

    private boolean receive(int command, boolean on) {
        if (command == RX_PROMISC) filter.promiscuous(on);
        else if (command == RX_ALLMULTI) filter.allMulticast(on);
        else return false;
        return true;
    }

    private boolean mac(int command, GuestBuffer from) {
        if (command == MAC_TABLE_SET) return filter.setTables(from, DATA);
        if (command != MAC_ADDR_SET || from.length() < DATA + MacAddress.SIZE) return false;
        address.accept(ReceiveFilter.mac(from, DATA));
        return true;
    }
}
