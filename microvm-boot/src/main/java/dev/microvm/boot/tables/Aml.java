package dev.microvm.boot.tables;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Writes AML, the byte code of ACPI: each method is one grammar rule and returns the bytes of its
 * term.
 *
 * <p>Source: ACPI 6.5, chapter 20 (AML specification); the section is named at each method. Any
 * thread may use it.
 */
final class Aml {
    // Table 20.2, "AML Byte Stream Byte Values"
    private static final int ZERO_OP = 0x00;
    private static final int ONE_OP = 0x01;
    private static final int NAME_OP = 0x08;
    private static final int BYTE_PREFIX = 0x0A;
    private static final int WORD_PREFIX = 0x0B;
    private static final int DWORD_PREFIX = 0x0C;
    private static final int STRING_PREFIX = 0x0D;
    private static final int QWORD_PREFIX = 0x0E;
    private static final int SCOPE_OP = 0x10;
    private static final int BUFFER_OP = 0x11;
    private static final int PACKAGE_OP = 0x12;
    private static final int METHOD_OP = 0x14;
    private static final int LOCAL0_OP = 0x60;
    private static final int STORE_OP = 0x70;
    private static final int AND_OP = 0x7B;
    private static final int NOTIFY_OP = 0x86;
    private static final int IF_OP = 0xA0;
    private static final int EXT_OP_PREFIX = 0x5B;
    private static final int REGION_OP = 0x80; // after EXT_OP_PREFIX
    private static final int FIELD_OP = 0x81; // likewise
    private static final int DEVICE_OP = 0x82; // after EXT_OP_PREFIX
    private static final int ROOT_CHAR = '\\';

    private static final int NAME_LENGTH = 4; // a NameSeg
    private static final int EISA_LETTERS = 3;
    private static final int EISA_DIGITS = 4;

    // PkgLength, 20.2.4: a length below 64 takes one byte, else the first byte has 4 bits of it
    private static final int PKG_ONE_BYTE_LIMIT = 1 << 6;
    private static final int PKG_COUNT_SHIFT = 6;
    private static final int PKG_MAX_MORE = 3;

    private static final int SYSTEM_MEMORY = 0; // a RegionSpace
    private static final int DWORD_ACCESS_WRITE_ZEROS = 0x43; // FieldFlags: 20.2.5.2
    private static final int SERIALIZED = 1 << 3; // MethodFlags

    private Aml() {}

    /** {@code DefScope}, 20.2.5.1: names below {@code \name}. */
    static byte[] scope(String name, byte[]... terms) {
        return concat(bytes(SCOPE_OP), sized(concat(bytes(ROOT_CHAR), nameSegment(name), concat(terms))));
    }

    /** {@code DefDevice}, 20.2.5.2. */
    static byte[] device(String name, byte[]... terms) {
        return concat(bytes(EXT_OP_PREFIX, DEVICE_OP), sized(concat(nameSegment(name), concat(terms))));
    }

    /** {@code DefName}, 20.2.5.1: {@code Name (name, value)}. */
    static byte[] name(String name, byte[] value) {
        return concat(bytes(NAME_OP), nameSegment(name), value);
    }

    /**
     * {@code ConstObj} or {@code ComputationalData}, 20.2.3: an integer in as few bytes as it
     * needs.
     */
    static byte[] integer(long value) {
        if (value == 0) return bytes(ZERO_OP);
        if (value == 1) return bytes(ONE_OP);
        if (value >>> 8 == 0) return concat(bytes(BYTE_PREFIX), littleEndian(value, 1));
        if (value >>> 16 == 0) return concat(bytes(WORD_PREFIX), littleEndian(value, 2));
        if (value >>> 32 == 0) return concat(bytes(DWORD_PREFIX), littleEndian(value, 4));
        return concat(bytes(QWORD_PREFIX), littleEndian(value, 8));
    }

    /** {@code String}, 20.2.3: ASCII characters other than NUL. */
    static byte[] string(String text) {
        return concat(bytes(STRING_PREFIX), text.getBytes(StandardCharsets.US_ASCII), bytes(0));
    }

    /** {@code DefBuffer}, 20.2.5.4. */
    static byte[] buffer(byte[] content) {
        return concat(bytes(BUFFER_OP), sized(concat(integer(content.length), content)));
    }

    /** {@code DefPackage}, 20.2.5.4: at most 255 elements. */
    static byte[] pack(byte[]... elements) {
        return concat(bytes(PACKAGE_OP), sized(concat(bytes(elements.length), concat(elements))));
    }

    /**
     * {@code DefOpRegion} and {@code DefField}, 20.2.5.2: a 32-bit register in memory as the field
     * {@code field}.
     */
    static byte[] memoryRegister(String region, long address, String field) {
        byte[] opRegion = concat(
                bytes(EXT_OP_PREFIX, REGION_OP),
                nameSegment(region),
                bytes(SYSTEM_MEMORY),
                integer(address),
                integer(Integer.BYTES));
        byte[] fields =
                concat(nameSegment(region), bytes(DWORD_ACCESS_WRITE_ZEROS), nameSegment(field), bytes(Integer.SIZE));
        return concat(opRegion, bytes(EXT_OP_PREFIX, FIELD_OP), sized(fields));
    }

    /** {@code DefMethod}, 20.2.5.2, serialized. */
    static byte[] method(String name, int arguments, byte[]... terms) {
        return concat(bytes(METHOD_OP), sized(concat(nameSegment(name), bytes(arguments | SERIALIZED), concat(terms))));
    }

    /** {@code Store (field, Local0)}: 20.2.5.4. */
    static byte[] storeInLocal0(String field) {
        return concat(bytes(STORE_OP), nameSegment(field), bytes(LOCAL0_OP));
    }

    /** {@code If (And (Local0, mask)) { terms }}: 20.2.5.3 and 20.2.5.4. */
    static byte[] ifLocal0Has(int mask, byte[]... terms) {
        byte[] test = concat(bytes(AND_OP, LOCAL0_OP), integer(mask), bytes(ZERO_OP)); // the result goes nowhere
        return concat(bytes(IF_OP), sized(concat(test, concat(terms))));
    }

    /** {@code Notify (device, value)}: 20.2.5.3. */
    static byte[] notify(String device, int value) {
        return concat(bytes(NOTIFY_OP), nameSegment(device), integer(value));
    }

    /**
     * A hardware id as {@code _HID} wants it, 6.1.5: a compressed EISA id where it is one ({@code
     * PNP0501}), else a string ({@code LNRO0005}).
     */
    static byte[] hardwareId(String id) {
        if (!isEisaId(id)) return string(id);
        // 19.3.4: three letters of 5 bits each, then four hexadecimal digits, the most significant byte first
        int letters = (id.charAt(0) - '@') << 10 | (id.charAt(1) - '@') << 5 | (id.charAt(2) - '@');
        int digits = Integer.parseInt(id.substring(EISA_LETTERS), 16);
        return concat(bytes(DWORD_PREFIX, letters >>> 8, letters, digits >>> 8, digits));
    }

    /** The last {@code digits} hexadecimal digits of {@code value}, for a name. */
    static String hex(int value, int digits) {
        return HexFormat.of().withUpperCase().toHexDigits(value, digits);
    }

    /** {@code value} as {@code size} bytes. */
    static byte[] littleEndian(long value, int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (value >>> (i * Byte.SIZE));
        }
        return bytes;
    }

    /** The low byte of each of {@code values}. */
    static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }

    /** One after the other. */
    static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    private static boolean isEisaId(String id) {
        if (id.length() != EISA_LETTERS + EISA_DIGITS) return false;
        for (int i = 0; i < id.length(); i++) {
            char c = id.charAt(i);
            if (i < EISA_LETTERS ? !isLetter(c) : !isDigit(c) && (c < 'A' || c > 'F')) return false;
        }
        return true;
    }

    private static boolean isLetter(char c) {
        return c >= 'A' && c <= 'Z';
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static byte[] nameSegment(String name) {
        boolean valid = name.length() == NAME_LENGTH && !isDigit(name.charAt(0));
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            valid &= isLetter(c) || isDigit(c) || c == '_';
        }
        if (!valid) {
            throw new IllegalArgumentException(
                    "an ACPI name has %d of A-Z, 0-9 and _, unlike '%s'".formatted(NAME_LENGTH, name));
        }
        return name.getBytes(StandardCharsets.US_ASCII);
    }

    /** {@code content} with a {@code PkgLength} before it, which counts itself: 20.2.4. */
    private static byte[] sized(byte[] content) {
        if (content.length + 1 < PKG_ONE_BYTE_LIMIT) return concat(bytes(content.length + 1), content);
        for (int more = 1; more <= PKG_MAX_MORE; more++) {
            int length = content.length + 1 + more;
            if (length >>> (4 + more * Byte.SIZE) == 0) {
                return concat(
                        bytes(more << PKG_COUNT_SHIFT | (length & 0xF)), littleEndian(length >>> 4, more), content);
            }
        }
        throw new IllegalArgumentException("an AML package of 0x%x bytes is too large".formatted(content.length));
    }
}
