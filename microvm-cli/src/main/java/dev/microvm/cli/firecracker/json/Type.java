package dev.microvm.cli.firecracker.json;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.core.JsonToken;

/** A type of values in JSON. */
public sealed interface Type {
    /** Any string. */
    Type TEXT = new Text();

    /** {@code true} or {@code false}. */
    Type FLAG = new Flag();

    /** Integers of 8, 16, 32 and 64 bits, without a sign. */
    Type U8 = new Unsigned(8);

    Type U16 = new Unsigned(16);

    Type U32 = new Unsigned(32);

    Type U64 = new Unsigned(64);

    /** Keys and values that the user chooses. */
    Type TEXTS = new Texts();

    /** Reads the reader's current value. @throws JsonFault if it is of another type */
    Object read(JsonReader in);

    /** Returns its name, for the documentation. */
    String label();

    /** Returns a choice of words. */
    static Type choice(String... words) {
        return new Choice(List.of(words));
    }

    /** Returns a string of which a pattern matches all. */
    static Type pattern(String label, String pattern, String fault) {
        return new Matching(label, Pattern.compile(pattern), fault);
    }

    /** Returns the address of a network interface. */
    static Type mac() {
        return pattern("MAC address", "\\p{XDigit}{2}(:\\p{XDigit}{2}){5}", "The provided MAC address is invalid.");
    }

    /** See {@link #TEXT}. */
    record Text() implements Type {
        @Override
        public Object read(JsonReader in) {
            if (in.token() != JsonToken.VALUE_STRING) throw in.wrongType("a string");
            return in.string();
        }

        @Override
        public String label() {
            return "string";
        }
    }

    /** See {@link #FLAG}. */
    record Flag() implements Type {
        @Override
        public Object read(JsonReader in) {
            if (in.token() != JsonToken.VALUE_TRUE && in.token() != JsonToken.VALUE_FALSE) {
                throw in.wrongType("a boolean");
            }
            return in.token() == JsonToken.VALUE_TRUE;
        }

        @Override
        public String label() {
            return "boolean";
        }
    }

    /**
     * An integer without a sign. Values of 64 bits saturate at the largest {@code long}, which is
     * beyond every limit that is set by them.
     */
    record Unsigned(int bits) implements Type {
        private static final BigInteger LONG_MAX = BigInteger.valueOf(Long.MAX_VALUE);

        @Override
        public Object read(JsonReader in) {
            String expected = label();
            if (in.token() != JsonToken.VALUE_NUMBER_INT || in.isBeyondIntegers()) throw in.wrongType(expected);
            BigInteger value = in.integer();
            if (value.signum() < 0 || value.bitLength() > bits) {
                throw in.fault("invalid value: integer `%s`, expected %s".formatted(value, expected));
            }
            return value.min(LONG_MAX).longValue();
        }

        @Override
        public String label() {
            return "u" + bits;
        }
    }

    /** One of some words. */
    record Choice(List<String> words) implements Type {
        /** Copies the list. */
        public Choice {
            words = List.copyOf(words);
        }

        @Override
        public Object read(JsonReader in) {
            if (in.token() != JsonToken.VALUE_STRING) throw in.fault("expected value");
            if (!words.contains(in.string())) {
                throw in.fault("unknown variant `%s`, expected %s".formatted(in.string(), Shape.oneOf(words)));
            }
            return in.string();
        }

        @Override
        public String label() {
            return words.stream().collect(Collectors.joining("`, `", "`", "`"));
        }
    }

    /** A string of which a pattern matches all. */
    record Matching(String label, Pattern pattern, String fault) implements Type {
        @Override
        public Object read(JsonReader in) {
            String text = (String) TEXT.read(in);
            if (!pattern.matcher(text).matches()) throw in.fault(fault);
            return text;
        }
    }

    /** An object with known keys. */
    record Structure(Shape shape) implements Type {
        /** Refuses null. */
        public Structure {
            Objects.requireNonNull(shape, "shape");
        }

        @Override
        public Object read(JsonReader in) {
            return shape.read(in);
        }

        @Override
        public String label() {
            return shape.name();
        }
    }

    /** Several values of one type. */
    record Many(Type each) implements Type {
        @Override
        public Object read(JsonReader in) {
            if (in.token() != JsonToken.START_ARRAY) throw in.wrongType("a sequence");
            List<Object> all = new ArrayList<>();
            while (in.next() != JsonToken.END_ARRAY) all.add(each.read(in));
            return all;
        }

        @Override
        public String label() {
            return "list of " + each.label();
        }
    }

    /** A string, or else an object: a path, or what could be in the file there. */
    record PathOr(Shape shape) implements Type {
        @Override
        public Object read(JsonReader in) {
            return in.token() == JsonToken.VALUE_STRING ? in.string() : shape.read(in);
        }

        @Override
        public String label() {
            return "path or " + shape.name();
        }
    }

    /** See {@link #TEXTS}. */
    record Texts() implements Type {
        @Override
        public Object read(JsonReader in) {
            if (in.token() != JsonToken.START_OBJECT) throw in.wrongType("a map");
            Map<String, Object> all = new LinkedHashMap<>();
            while (in.next() == JsonToken.PROPERTY_NAME) {
                String key = in.string();
                in.next();
                all.put(key, TEXT.read(in));
            }
            return all;
        }

        @Override
        public String label() {
            return "strings by key";
        }
    }
}
