package dev.microvm.backend.net.user;

/** Offsets and values of protocol headers. Offsets are in bytes from the start of a header. */
final class Headers {
    private Headers() {}

    /** Ethernet II: IEEE 802.3, 3.2. */
    static final class Ethernet {
        static final int DESTINATION = 0; // 6 bytes
        static final int SOURCE = 6; // 6 bytes
        static final int TYPE = 12; // 16 bits
        static final int SIZE = 14;

        static final int TYPE_IPV4 = 0x0800; // IANA, "IEEE 802 Numbers"
        static final int TYPE_ARP = 0x0806;

        static final long BROADCAST = 0xffff_ffff_ffffL;
        static final long GROUP_BIT = 1L << 40; // the first byte's lowest bit: to many

        private Ethernet() {}
    }

    /** ARP for IPv4 over Ethernet: RFC 826. */
    static final class Arp {
        static final int HARDWARE = 0; // 16 bits
        static final int PROTOCOL = 2; // 16 bits
        static final int HARDWARE_SIZE = 4; // 8 bits
        static final int PROTOCOL_SIZE = 5; // 8 bits
        static final int OPERATION = 6; // 16 bits
        static final int SENDER_MAC = 8;
        static final int SENDER_IP = 14;
        static final int TARGET_MAC = 18;
        static final int TARGET_IP = 24;
        static final int SIZE = 28;

        static final int HARDWARE_ETHERNET = 1;
        static final int REQUEST = 1;
        static final int REPLY = 2;

        private Arp() {}
    }

    /** IPv4: RFC 791, 3.1. */
    static final class Ipv4 {
        static final int VERSION_IHL = 0; // version in the high 4 bits, header length in words below
        static final int TOTAL_LENGTH = 2; // 16 bits
        static final int IDENTIFICATION = 4; // 16 bits
        static final int FRAGMENT = 6; // flags in the high 3 bits, offset in units of 8 bytes below
        static final int TTL = 8;
        static final int PROTOCOL = 9;
        static final int CHECKSUM = 10; // 16 bits
        static final int SOURCE = 12;
        static final int DESTINATION = 16;
        static final int SIZE = 20; // without options
        static final int MAX_LENGTH = 0xffff;

        static final int VERSION_4 = 4;
        static final int VERSION_4_NO_OPTIONS = 0x45;
        static final int DONT_FRAGMENT = 0x4000;
        static final int MORE_FRAGMENTS = 0x2000;
        static final int FRAGMENT_OFFSET_MASK = 0x1fff;
        static final int FRAGMENT_UNIT = 8;
        static final int DEFAULT_TTL = 64; // RFC 1700

        static final int ICMP = 1; // protocols: IANA, "Assigned Internet Protocol Numbers"
        static final int TCP = 6;
        static final int UDP = 17;

        private Ipv4() {}
    }

    /** ICMP: RFC 792. */
    static final class Icmp {
        static final int TYPE = 0;
        static final int CODE = 1;
        static final int CHECKSUM = 2; // 16 bits
        static final int REST = 4; // 4 bytes
        static final int SIZE = 8;

        static final int ECHO_REPLY = 0;
        static final int UNREACHABLE = 3;
        static final int ECHO = 8;
        static final int TIME_EXCEEDED = 11;

        static final int HOST_UNREACHABLE = 1; // codes of UNREACHABLE
        static final int PROTOCOL_UNREACHABLE = 2;
        static final int PORT_UNREACHABLE = 3;
        static final int PROHIBITED = 13; // communication administratively prohibited: RFC 1812, 5.2.7.1

        static final int QUOTED = 8; // bytes behind the IP header: RFC 792

        private Icmp() {}
    }

    /** UDP: RFC 768. */
    static final class Udp {
        static final int SOURCE_PORT = 0; // 16 bits each
        static final int DESTINATION_PORT = 2;
        static final int LENGTH = 4;
        static final int CHECKSUM = 6; // 0: none
        static final int SIZE = 8;
        static final int MAX_PAYLOAD = Ipv4.MAX_LENGTH - Ipv4.SIZE - SIZE;

        private Udp() {}
    }

    /** TCP: RFC 9293, 3.1. */
    static final class Tcp {
        static final int SOURCE_PORT = 0;
        static final int DESTINATION_PORT = 2;
        static final int SEQUENCE = 4;
        static final int ACKNOWLEDGMENT = 8;
        static final int DATA_OFFSET = 12; // in words, in the high 4 bits
        static final int FLAGS = 13;
        static final int WINDOW = 14;
        static final int CHECKSUM = 16;
        static final int URGENT = 18;
        static final int SIZE = 20; // without options

        static final int FIN = 0x01;
        static final int SYN = 0x02;
        static final int RST = 0x04;
        static final int PSH = 0x08;
        static final int ACK = 0x10;

        static final int OPTION_END = 0; // 3.2
        static final int OPTION_NOP = 1;
        static final int OPTION_MSS = 2;
        static final int OPTION_MSS_SIZE = 4;
        static final int OPTION_SCALE = 3; // RFC 7323, 2.2
        static final int OPTION_SCALE_SIZE = 3;
        static final int MAX_SCALE = 14; // RFC 7323, 2.3
        static final int DEFAULT_MSS = 536; // 3.7.1
        static final int MAX_WINDOW = 0xffff;

        private Tcp() {}
    }
}
