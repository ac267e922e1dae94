package dev.microvm.sandbox.root.erofs;

import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.TreeMap;

/** Extended attributes as they follow an inode. */
final class Attributes {
    /** EROFS_XATTR_INDEX_*: prefixes that are a number; the first that fits counts. */
    private static final Map<String, Integer> PREFIXES = Map.of(
            "user.", 1,
            "trusted.", 4,
            "security.", 6);

    private static final Map<String, Integer> WHOLE_NAMES = Map.of(
            "system.posix_acl_access", 2,
            "system.posix_acl_default", 3);

    private static final int MAX_NAME = 255; // bytes: e_name_len
    private static final int MAX_VALUE = 0xFFFF; // bytes: e_value_size
    private static final byte[] NONE = new byte[0];

    private Attributes() {}

    /** Returns them with their header; nothing if there are none. */
    static byte[] encode(Map<String, byte[]> attributes) {
        if (attributes.isEmpty()) return NONE;
        ByteBuffer out = ByteBuffer.allocate(TreeLimits.ATTRIBUTES_LENGTH).order(ByteOrder.LITTLE_ENDIAN);
        out.position(ErofsFormat.XATTR_HEADER_SIZE);
        new TreeMap<>(attributes).forEach((name, value) -> encode(out, name, value));
        byte[] encoded = new byte[out.position()];
        out.get(0, encoded);
        return encoded;
    }

    private static void encode(ByteBuffer out, String name, byte[] value) {
        int index = WHOLE_NAMES.getOrDefault(name, 0);
        String suffix = "";
        for (Map.Entry<String, Integer> prefix : PREFIXES.entrySet()) {
            if (name.startsWith(prefix.getKey())) {
                index = prefix.getValue();
                suffix = name.substring(prefix.getKey().length());
            }
        }
        if (index == 0) {
            throw new RootContentException(
                    "the extended attribute %s is of no kind that EROFS has".formatted(RawName.text(name)),
                    "remove it: setfattr -x");
        }
        int size = aligned(ErofsFormat.XATTR_ENTRY_SIZE + suffix.length() + value.length);
        if (suffix.length() > MAX_NAME || value.length > MAX_VALUE || size > out.remaining()) {
            throw new RootContentException(
                    "the extended attribute %s has %d bytes".formatted(RawName.text(name), value.length),
                    "a file may have %d bytes of them".formatted(TreeLimits.ATTRIBUTES_LENGTH));
        }
        int end = out.position() + size;
        out.put((byte) suffix.length()).put((byte) index).putShort((short) value.length);
        out.put(RawName.bytes(suffix)).put(value).position(end);
    }

    /** i_xattr_icount for attributes of this length with their header. */
    static int count(int length) {
        if (length == 0) return 0;
        return 1 + (length - ErofsFormat.XATTR_HEADER_SIZE) / ErofsFormat.XATTR_ALIGNMENT;
    }

    private static int aligned(int size) {
        return (size + ErofsFormat.XATTR_ALIGNMENT - 1) & -ErofsFormat.XATTR_ALIGNMENT;
    }
}
