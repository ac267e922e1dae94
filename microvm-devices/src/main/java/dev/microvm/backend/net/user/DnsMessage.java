package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A question of the Domain Name System, with the means to answer it: RFC 1035, 4. */
final class DnsMessage {
    static final int HEADER_SIZE = 12;

    static final int TYPE_A = 1; // RFC 1035, 3.2.2
    static final int TYPE_AAAA = 28; // RFC 3596

    static final int NO_ERROR = 0; // RCODE: RFC 1035, 4.1.1
    static final int SERVER_FAILURE = 2;
    static final int NO_SUCH_NAME = 3;
    static final int NOT_IMPLEMENTED = 4;

    private static final int FLAGS = 2;
    private static final int QUESTIONS = 4; // 16 bits each
    private static final int ANSWERS = 6;
    private static final int AUTHORITIES = 8;
    private static final int ADDITIONALS = 10;
    private static final int RESPONSE = 0x8000;
    private static final int RECURSION_DESIRED = 0x0100;
    private static final int RECURSION_AVAILABLE = 0x0080;
    private static final int OPCODE_MASK = 0x7800; // 0: a standard query
    private static final int MAX_LABEL = 63;
    private static final int CLASS_IN = 1;
    private static final int POINTER_TO_QUESTION = 0xc00c; // 4.1.4: the name at offset 12
    private static final int RECORD_SIZE = 16;
    private static final int TTL_SECONDS = 60;
    private static final int MOST_ANSWERS = 16; // they fit into 512 bytes: 4.2.1

    private final byte[] message;
    private final String name;
    private final int type;
    private final int end; // of the question

    private DnsMessage(byte[] message, String name, int type, int end) {
        this.message = message;
        this.name = name;
        this.type = type;
        this.end = end;
    }

    /** Returns the name, as labels separated by dots. */
    String name() {
        return name;
    }

    /** Returns the type of the requested records. */
    int type() {
        return type;
    }

    /**
     * Reads a query with one question of class IN; returns null if the message is not such a query.
     */
    static @Nullable DnsMessage parse(byte[] message) {
        if (message.length < HEADER_SIZE
                || (Bytes.getShort(message, FLAGS) & (RESPONSE | OPCODE_MASK)) != 0
                || Bytes.getShort(message, QUESTIONS) != 1) return null;
        StringBuilder name = new StringBuilder();
        int at = HEADER_SIZE;
        while (true) {
            if (at >= message.length) return null;
            int length = Bytes.getByte(message, at++);
            if (length == 0) break;
            if (length > MAX_LABEL || at + length > message.length) return null;
            if (!name.isEmpty()) name.append('.');
            name.append(new String(message, at, length, ISO_8859_1));
            at += length;
        }
        int end = at + 2 * Short.BYTES;
        if (end > message.length || Bytes.getShort(message, at + Short.BYTES) != CLASS_IN) return null;
        return new DnsMessage(message, name.toString(), Bytes.getShort(message, at), end);
    }

    /** Makes a response with these IPv4 addresses. */
    byte[] answer(int code, List<Integer> addresses) {
        int count = Math.min(addresses.size(), MOST_ANSWERS);
        byte[] response = new byte[end + count * RECORD_SIZE];
        System.arraycopy(message, 0, response, 0, end);
        int desired = Bytes.getShort(message, FLAGS) & RECURSION_DESIRED;
        Bytes.putShort(response, FLAGS, RESPONSE | desired | RECURSION_AVAILABLE | code);
        Bytes.putShort(response, ANSWERS, count);
        Bytes.putShort(response, AUTHORITIES, 0);
        Bytes.putShort(response, ADDITIONALS, 0);
        int at = end;
        for (int address : addresses.subList(0, count)) {
            Bytes.putShort(response, at, POINTER_TO_QUESTION);
            Bytes.putShort(response, at + 2, TYPE_A);
            Bytes.putShort(response, at + 4, CLASS_IN);
            Bytes.putInt(response, at + 6, TTL_SECONDS);
            Bytes.putShort(response, at + 10, Integer.BYTES);
            Bytes.putInt(response, at + 12, address);
            at += RECORD_SIZE;
        }
        return response;
    }
}
