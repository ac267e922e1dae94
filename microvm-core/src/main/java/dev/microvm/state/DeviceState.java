package dev.microvm.state;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The state of a device or a vCPU as named fields: numbers, lists of numbers and byte strings,
 * under a type name and a version.
 *
 * <p>The form describes itself: it can be printed, compared, and read without the class that wrote
 * it. Not thread-safe until the last field is set; safe for any number of readers after that.
 */
public final class DeviceState {
    /** First bytes of the encoded form: "MVDS" and the version of the encoding. */
    private static final long MAGIC = 0x4D56_4453_0000_0001L;

    private static final int KIND_NUMBER = 0;
    private static final int KIND_BYTES = 1;
    private static final int KIND_NUMBERS = 2;

    private final String type;
    private final int version;
    private final TreeMap<String, Long> numbers = new TreeMap<>();
    private final TreeMap<String, byte[]> bytes = new TreeMap<>();
    private final TreeMap<String, long[]> lists = new TreeMap<>();

    /**
     * Starts an empty state.
     *
     * @param type name of the type that writes it, for example {@code "uart16550"}
     * @param version version of the type's set of fields, from 1
     */
    public DeviceState(String type, int version) {
        this.type = Objects.requireNonNull(type, "type");
        this.version = version;
    }

    /** Returns the name of the type that wrote this state. */
    public String type() {
        return type;
    }

    /** Returns the version of the type's set of fields, from 1. */
    public int version() {
        return version;
    }

    /** Sets a number; returns this. */
    public DeviceState put(String field, long value) {
        Objects.requireNonNull(field, "field");
        numbers.put(field, value);
        return this;
    }

    /** Sets a flag, kept as 0 or 1; returns this. */
    public DeviceState put(String field, boolean value) {
        return put(field, value ? 1 : 0);
    }

    /** Sets a copy of a byte string; returns this. */
    public DeviceState put(String field, byte[] value) {
        Objects.requireNonNull(field, "field");
        Objects.requireNonNull(value, "value");
        bytes.put(field, value.clone());
        return this;
    }

    /** Sets a copy of a list of numbers; returns this. */
    public DeviceState put(String field, long[] values) {
        Objects.requireNonNull(field, "field");
        Objects.requireNonNull(values, "values");
        lists.put(field, values.clone());
        return this;
    }

    /** Reads a number; throws {@link IllegalArgumentException} if no number has that name. */
    public long number(String field) {
        Objects.requireNonNull(field, "field");
        Long value = numbers.get(field);
        if (value == null) throw missing(field);
        return value;
    }

    /**
     * Reads a number that fits an {@code int}; throws {@link IllegalArgumentException} if it is
     * missing or does not fit.
     */
    public int integer(String field) {
        long value = number(field);
        if (value != (int) value) {
            throw new IllegalArgumentException(
                    "state of %s version %d: field %s = 0x%x is too large".formatted(type, version, field, value));
        }
        return (int) value;
    }

    /**
     * Reads an unsigned number of at most {@code bits} bits, 1 to 32; throws
     * {@link IllegalArgumentException} if it is missing or larger.
     */
    public int unsigned(String field, int bits) {
        long value = number(field);
        if (value >>> bits != 0) {
            throw new IllegalArgumentException("state of %s version %d: field %s = 0x%x has more than %d bits"
                    .formatted(type, version, field, value, bits));
        }
        return (int) value;
    }

    /** Reads a flag; throws {@link IllegalArgumentException} if no number has that name. */
    public boolean flag(String field) {
        return number(field) != 0;
    }

    /**
     * Reads a copy of a byte string; throws {@link IllegalArgumentException} if none has that name.
     */
    public byte[] bytes(String field) {
        Objects.requireNonNull(field, "field");
        byte[] value = bytes.get(field);
        if (value == null) throw missing(field);
        return value.clone();
    }

    /**
     * Reads a copy of a list of numbers; throws {@link IllegalArgumentException} if none has that
     * name.
     */
    public long[] numbers(String field) {
        Objects.requireNonNull(field, "field");
        long[] values = lists.get(field);
        if (values == null) throw missing(field);
        return values.clone();
    }

    /** Returns the names of all fields, in alphabetical order. */
    public SortedSet<String> fields() {
        SortedSet<String> names = new TreeSet<>(numbers.keySet());
        names.addAll(bytes.keySet());
        names.addAll(lists.keySet());
        return names;
    }

    /**
     * Checks the type and that the version is 1 to {@code newest}; returns this, or throws
     * {@link IllegalArgumentException}.
     */
    public DeviceState require(String expectedType, int newest) {
        Objects.requireNonNull(expectedType, "expectedType");
        if (!type.equals(expectedType) || version < 1 || version > newest) {
            throw new IllegalArgumentException("state of %s version %d given to %s, which reads versions 1 to %d"
                    .formatted(type, version, expectedType, newest));
        }
        return this;
    }

    /** Returns an unmodifiable view of the numbers by name, in alphabetical order. */
    public SequencedMap<String, Long> numbers() {
        return Collections.unmodifiableSequencedMap(numbers);
    }

    /** Returns the state as bytes that {@link #decode} reads. */
    public byte[] encode() {
        ByteArrayOutputStream to = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(to)) {
            out.writeLong(MAGIC);
            out.writeUTF(type);
            out.writeInt(version);
            out.writeInt(numbers.size() + bytes.size() + lists.size());
            for (Map.Entry<String, Long> field : numbers.entrySet()) {
                out.writeUTF(field.getKey());
                out.writeByte(KIND_NUMBER);
                out.writeLong(field.getValue());
            }
            for (Map.Entry<String, byte[]> field : bytes.entrySet()) {
                out.writeUTF(field.getKey());
                out.writeByte(KIND_BYTES);
                out.writeInt(field.getValue().length);
                out.write(field.getValue());
            }
            for (Map.Entry<String, long[]> field : lists.entrySet()) {
                out.writeUTF(field.getKey());
                out.writeByte(KIND_NUMBERS);
                out.writeInt(field.getValue().length);
                for (long value : field.getValue()) out.writeLong(value);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e); // only a field name over 64 KiB can fail: an array takes all else
        }
        return to.toByteArray();
    }

    /**
     * Reads what {@link #encode} wrote; throws {@link IllegalArgumentException} for anything else.
     */
    public static DeviceState decode(byte[] encoded) {
        Objects.requireNonNull(encoded, "encoded");
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(encoded))) {
            if (in.readLong() != MAGIC) throw new IllegalArgumentException("not a device state: wrong magic number");
            DeviceState state = new DeviceState(in.readUTF(), in.readInt());
            int fields = in.readInt();
            if (fields < 0) throw new IllegalArgumentException("device state has " + fields + " fields");
            for (int left = fields; left > 0; left--) {
                String field = in.readUTF();
                if (state.has(field)) throw new IllegalArgumentException("device state has field " + field + " twice");
                switch (in.readUnsignedByte()) {
                    case KIND_NUMBER -> state.put(field, in.readLong());
                    case KIND_BYTES -> state.put(field, readBytes(in));
                    case KIND_NUMBERS -> state.put(field, readNumbers(in));
                    default ->
                        throw new IllegalArgumentException("device state field " + field + " has an unknown kind");
                }
            }
            if (in.available() > 0) {
                throw new IllegalArgumentException("device state has " + in.available() + " bytes too many");
            }
            return state;
        } catch (IOException e) {
            throw new IllegalArgumentException("device state is cut short", e);
        }
    }

    private static byte[] readBytes(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > in.available()) throw new IllegalArgumentException("device state is cut short");
        return in.readNBytes(length);
    }

    private static long[] readNumbers(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > in.available() / Long.BYTES) {
            throw new IllegalArgumentException("device state is cut short");
        }
        long[] values = new long[length];
        for (int i = 0; i < length; i++) values[i] = in.readLong();
        return values;
    }

    private boolean has(String field) {
        return numbers.containsKey(field) || bytes.containsKey(field) || lists.containsKey(field);
    }

    private IllegalArgumentException missing(String field) {
        return new IllegalArgumentException("state of %s version %d has no field %s".formatted(type, version, field));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DeviceState that && Arrays.equals(encode(), that.encode());
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(encode());
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(type).append(" v").append(version);
        numbers.forEach(
                (field, value) -> text.append(' ').append(field).append("=0x").append(Long.toHexString(value)));
        bytes.forEach((field, value) ->
                text.append(' ').append(field).append("=[").append(value.length).append(" bytes]"));
        lists.forEach((field, values) -> text.append(' ')
                .append(field)
                .append("=[")
                .append(values.length)
                .append(" numbers]"));
        return text.toString();
    }
}
