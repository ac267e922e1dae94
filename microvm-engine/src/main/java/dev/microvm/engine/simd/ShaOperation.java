package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedMultiply.pair;

/**
 * The instructions of the SHA extensions that have no immediate: by their opcodes. They have no
 * mandatory prefix.
 *
 * <p>Source: Intel SDM vol. 2, SHA1xxx and SHA256xxx, whose names of words are used here; FIPS
 * 180-4.
 */
@SuppressWarnings("ImmutableEnumChecker") // functions without state
public enum ShaOperation {
    SHA1NEXTE(0x0f38c8, ShaOperation::sha1nexte),
    SHA1MSG1(0x0f38c9, ShaOperation::sha1msg1),
    SHA1MSG2(0x0f38ca, ShaOperation::sha1msg2),
    SHA256RNDS2(0x0f38cb, ShaOperation::sha256rnds2),
    SHA256MSG1(0x0f38cc, ShaOperation::sha256msg1),
    SHA256MSG2(0x0f38cd, ShaOperation::sha256msg2);

    private static final int[] SHA1_CONSTANTS = {0x5A82_7999, 0x6ED9_EBA1, 0x8F1B_BCDC, 0xCA62_C1D6}; // 4.2.1
    private static final int SHA1_ROUNDS = 4;

    private final int opcode;
    private final XmmOperation operation;

    ShaOperation(int opcode, XmmOperation operation) {
        this.opcode = opcode;
        this.operation = operation;
    }

    /** Its bytes as a number. */
    public int opcode() {
        return opcode;
    }

    /** What it does. */
    public XmmOperation operation() {
        return operation;
    }

    private static int low(long words) {
        return (int) words;
    }

    private static int high(long words) {
        return (int) (words >> 32);
    }

    // ---- SHA-1

    /** SHA1RNDS4: four rounds, with the function and the constant that the immediate names. */
    static void sha1rnds4(long[] r, int dst, long lo, long hi, int immediate) {
        int kind = immediate & 3;
        int a = high(r[dst + 1]);
        int b = low(r[dst + 1]);
        int c = high(r[dst]);
        int d = low(r[dst]);
        int e = 0; // the first word of the message has it
        for (int i = 0; i < SHA1_ROUNDS; i++) {
            long words = i < 2 ? hi : lo;
            int w = (i & 1) == 0 ? high(words) : low(words);
            int next = sha1(kind, b, c, d) + Integer.rotateLeft(a, 5) + w + e + SHA1_CONSTANTS[kind];
            e = d;
            d = c;
            c = Integer.rotateLeft(b, 30);
            b = a;
            a = next;
        }
        r[dst] = pair(d, c);
        r[dst + 1] = pair(b, a);
    }

    private static int sha1(int kind, int b, int c, int d) {
        return switch (kind) {
            case 0 -> choose(b, c, d);
            case 2 -> majority(b, c, d);
            default -> b ^ c ^ d;
        };
    }

    private static void sha1nexte(long[] r, int dst, long lo, long hi) {
        int e = Integer.rotateLeft(high(r[dst + 1]), 30);
        r[dst] = lo;
        r[dst + 1] = pair(low(hi), high(hi) + e);
    }

    private static void sha1msg1(long[] r, int dst, long lo, long hi) {
        long first = r[dst + 1];
        long second = r[dst];
        r[dst + 1] = first ^ second;
        r[dst] = second ^ hi;
    }

    private static void sha1msg2(long[] r, int dst, long lo, long hi) {
        int w16 = Integer.rotateLeft(high(r[dst + 1]) ^ low(hi), 1);
        int w17 = Integer.rotateLeft(low(r[dst + 1]) ^ high(lo), 1);
        int w18 = Integer.rotateLeft(high(r[dst]) ^ low(lo), 1);
        int w19 = Integer.rotateLeft(low(r[dst]) ^ w16, 1);
        r[dst] = pair(w19, w18);
        r[dst + 1] = pair(w17, w16);
    }

    // ---- SHA-256

    /** Two rounds; message and constants are in XMM0. */
    private static void sha256rnds2(long[] r, int dst, long lo, long hi) {
        long keys = r[0];
        int a = high(hi);
        int b = low(hi);
        int c = high(r[dst + 1]);
        int d = low(r[dst + 1]);
        int e = high(lo);
        int f = low(lo);
        int g = high(r[dst]);
        int h = low(r[dst]);
        for (int i = 0; i < 2; i++) {
            int part = choose(e, f, g) + turned(e, 6, 11, 25) + (i == 0 ? low(keys) : high(keys)) + h;
            int next = part + majority(a, b, c) + turned(a, 2, 13, 22);
            h = g;
            g = f;
            f = e;
            e = part + d;
            d = c;
            c = b;
            b = a;
            a = next;
        }
        r[dst] = pair(f, e);
        r[dst + 1] = pair(b, a);
    }

    private static void sha256msg1(long[] r, int dst, long lo, long hi) {
        int w1 = high(r[dst]);
        int w2 = low(r[dst + 1]);
        int w3 = high(r[dst + 1]);
        r[dst] = pair(low(r[dst]) + sigma0(w1), w1 + sigma0(w2));
        r[dst + 1] = pair(w2 + sigma0(w3), w3 + sigma0(low(lo)));
    }

    private static void sha256msg2(long[] r, int dst, long lo, long hi) {
        int w16 = low(r[dst]) + sigma1(low(hi));
        int w17 = high(r[dst]) + sigma1(high(hi));
        r[dst] = pair(w16, w17);
        r[dst + 1] = pair(low(r[dst + 1]) + sigma1(w16), high(r[dst + 1]) + sigma1(w17));
    }

    // ---- functions: FIPS 180-4, 4.1

    private static int choose(int x, int y, int z) {
        return (x & y) ^ (~x & z);
    }

    private static int majority(int x, int y, int z) {
        return (x & y) ^ (x & z) ^ (y & z);
    }

    private static int turned(int x, int first, int second, int third) {
        return Integer.rotateRight(x, first) ^ Integer.rotateRight(x, second) ^ Integer.rotateRight(x, third);
    }

    private static int sigma0(int x) {
        return Integer.rotateRight(x, 7) ^ Integer.rotateRight(x, 18) ^ x >>> 3;
    }

    private static int sigma1(int x) {
        return Integer.rotateRight(x, 17) ^ Integer.rotateRight(x, 19) ^ x >>> 10;
    }
}
