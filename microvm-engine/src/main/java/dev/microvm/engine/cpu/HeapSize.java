package dev.microvm.engine.cpu;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;

/**
 * How many bytes of heap objects take, as HotSpot lays them out: a header of 12 bytes (arrays 16),
 * and sizes that are multiples of 8.
 */
final class HeapSize {
    /** The largest heap whose references HotSpot compresses to 4 bytes. */
    private static final long COMPRESSED_UP_TO = 32L << 30;

    /** Bytes of a reference. */
    static final int REFERENCE = Runtime.getRuntime().maxMemory() < COMPRESSED_UP_TO ? 4 : 8;

    private static final int OBJECT_HEADER = 8 + REFERENCE;
    private static final int ARRAY_HEADER = 16;

    /** Bytes of an operand, an address, an action: measured, of random instructions, on average. */
    private static final int PART = 24;

    private static final ClassValue<Integer> SIZES = new ClassValue<>() {
        @Override
        protected Integer computeValue(Class<?> type) {
            return aligned(OBJECT_HEADER + fields(type));
        }
    };

    private static final ClassValue<Integer> INSTRUCTIONS = new ClassValue<>() {
        @Override
        protected Integer computeValue(Class<?> type) {
            return of(type) + parts(type) * PART;
        }
    };

    private HeapSize() {}

    /** Returns the size of an instance, without what it refers to. */
    static int of(Class<?> type) {
        return SIZES.get(type);
    }

    /**
     * Returns the size of an instruction with what it is made of, such as operands and addresses:
     * estimated by the number of its fields.
     */
    static int ofInstruction(Class<? extends Instruction> type) {
        return INSTRUCTIONS.get(type);
    }

    /** Returns the size of an array. */
    static int ofArray(int length, int element) {
        return aligned(ARRAY_HEADER + length * element);
    }

    /** How many fields refer to objects of the instruction alone. */
    private static int parts(Class<?> type) {
        int count = 0;
        for (Class<?> each = type; each != Instruction.class && each != null; each = each.getSuperclass()) {
            for (Field field : each.getDeclaredFields()) {
                Class<?> of = field.getType();
                boolean shared = of.isPrimitive() || of.isEnum() || of == Block.class || of == CodePage.class;
                if (!shared && !Modifier.isStatic(field.getModifiers())) count++;
            }
        }
        return count;
    }

    private static int fields(Class<?> type) {
        int bytes = 0;
        for (Class<?> each = type; each != null; each = each.getSuperclass()) {
            for (Field field : each.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())) bytes += ofField(field.getType());
            }
        }
        return bytes;
    }

    private static int ofField(Class<?> type) {
        if (!type.isPrimitive()) return REFERENCE;
        if (type == long.class || type == double.class) return Long.BYTES;
        if (type == int.class || type == float.class) return Integer.BYTES;
        return type == short.class || type == char.class ? Short.BYTES : Byte.BYTES;
    }

    private static int aligned(int bytes) {
        return bytes + 7 & ~7;
    }
}
