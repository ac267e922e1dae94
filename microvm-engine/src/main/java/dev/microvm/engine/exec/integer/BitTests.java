package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.ReadModifyWrite;

/** BT, BTS, BTR, BTC, and BSF and BSR: Intel SDM vol. 1, 7.3.7. */
public final class BitTests {
    private BitTests() {}

    /** Pushes the number of a bit. */
    private static Code emitNumber(Code code, Operand bit, int size) {
        return bit.emitRead(code).constant((long) size * Byte.SIZE - 1).and();
    }

    /** Sets CF to a bit of a value; both are temporaries. */
    private static void emitCarry(Code code, int value, int number) {
        int carry = code.kept(value)
                .constant(Long.SIZE - 1)
                .kept(number)
                .subtract()
                .shiftLeft()
                .keep();
        code.keepCarry(carry);
    }

    /**
     * BT, BTS, BTR, BTC. With memory and a register, the bit may be anywhere around the address.
     */
    public static final class BitTest extends ReadModifyWrite {
        public static final int TEST = 0;
        public static final int SET = 1;
        public static final int RESET = 2;
        public static final int COMPLEMENT = 3;

        private final int operation;
        private final Operand bit;

        public BitTest(int operation, Operand target, Operand bit, int size) {
            super(target, size);
            this.operation = operation;
            this.bit = bit;
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            int n = (int) bit.read(cpu, this) & size * Byte.SIZE - 1;
            Flags.carry(cpu, (a >>> n & 1) != 0);
            return switch (operation) {
                case SET -> a | 1L << n;
                case RESET -> a & ~(1L << n);
                default -> a ^ 1L << n;
            };
        }

        @Override
        protected boolean emits() {
            return true;
        }

        @Override
        protected Code emit(Code code, int a) {
            int number = emitNumber(code, bit, size).keep();
            emitCarry(code, a, number);
            code.kept(a).constant(1).kept(number).shiftLeft();
            return switch (operation) {
                case SET -> code.or();
                case RESET -> code.constant(-1).xor().and();
                default -> code.xor();
            };
        }
    }

    /** BT, which writes nothing. */
    public static final class BitRead extends Sequential {
        private final Operand target;
        private final Operand bit;
        private final int size;

        public BitRead(Operand target, Operand bit, int size) {
            this.target = target;
            this.bit = bit;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            int n = (int) bit.read(cpu, this) & size * Byte.SIZE - 1;
            Flags.carry(cpu, (target.read(cpu, this) >>> n & 1) != 0);
        }

        @Override
        public void emit(Code code) {
            int value = target.emitRead(code).keep();
            emitCarry(code, value, emitNumber(code, bit, size).keep());
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Computes the address of the operand that holds the bit, for a bit test with memory. */
    public static final class BitAddress extends Sequential {
        private final Address offset;
        private final int segment;
        private final long mask;
        private final Operand bit;
        private final int size;
        private final boolean write;
        private final boolean flat;

        /**
         * Makes one.
         *
         * @param offset of bit 0, within its segment
         * @param mask bits that the address size has
         * @param flat whether it is 64-bit code, in which only FS and GS have a base
         */
        public BitAddress(Address offset, int segment, long mask, Operand bit, int size, boolean write, boolean flat) {
            this.offset = offset;
            this.segment = segment;
            this.mask = mask;
            this.bit = bit;
            this.size = size;
            this.write = write;
            this.flat = flat;
        }

        @Override
        public void perform(Cpu cpu) {
            int unused = Long.SIZE - size * Byte.SIZE;
            long n = bit.read(cpu, this) << unused >> unused;
            int shift = size == 8 ? 6 : size == 4 ? 5 : 4;
            long effective = offset.linear(cpu) + (n >> shift) * size & mask;
            cpu.r[Cpu.ADDRESS] = cpu.segmentation.linearOrFlat(segment, effective, size, write, this);
        }

        @Override
        public void emit(Code code) {
            if (!flat) {
                code.perform(this);
                return;
            }
            int bits = Integer.numberOfTrailingZeros(size * Byte.SIZE);
            bit.emitRead(code).signExtend(Long.SIZE - size * Byte.SIZE).shiftRight(bits);
            code.shiftLeft(Integer.numberOfTrailingZeros(size));
            int distance = code.keep();
            offset.emit(code).kept(distance).add().constant(mask).and();
            if (segment >= Decoded.FS) code.get(Cpu.SEGMENT_BASE + segment).add();
            code.set(Cpu.ADDRESS);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** BSF and BSR. */
    public static final class Scan extends Sequential {
        private final boolean forward;
        private final Operand target;
        private final Operand source;

        public Scan(boolean forward, Operand target, Operand source) {
            this.forward = forward;
            this.target = target;
            this.source = source;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            if (value == 0) {
                Flags.zero(cpu, true); // the target keeps its value: AMD APM vol. 3, BSF
            } else {
                int n = forward ? Long.numberOfTrailingZeros(value) : 63 - Long.numberOfLeadingZeros(value);
                target.write(cpu, n, this);
                Flags.zero(cpu, false);
            }
        }

        @Override
        public void emit(Code code) {
            int value = source.emitRead(code).keep();
            code.requireBelow(code.constant(0).keep(), value);
            code.zeroFlag(value);
            code.kept(value);
            if (forward) code.trailingZeros();
            else code.leadingZeros().constant(Long.SIZE - 1).xor();
            target.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
