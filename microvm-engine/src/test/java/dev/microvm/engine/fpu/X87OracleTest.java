package dev.microvm.engine.fpu;

import dev.microvm.engine.fpu.X87Arithmetic.Operation;
import dev.microvm.engine.fpu.X87Transfers.Constant;
import dev.microvm.engine.oracle.Check;
import dev.microvm.engine.oracle.NativeOracle;
import dev.microvm.engine.oracle.NativeState;
import dev.microvm.engine.oracle.Operands;
import dev.microvm.engine.softfloat.FloatExceptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Instructions of the x87 give the registers and the status word of the real processor, under any
 * control word.
 */
final class X87OracleTest {
    private static final int STATES = 4096;
    private static final int BATCHES = Integer.getInteger("microvm.oracle.batches", 3);
    private static final long SEED = Long.getLong("microvm.oracle.seed", 20_261_121);
    private static final int UNDEFINED = X87.C0 | X87.C2 | X87.C3; // what most instructions leave open

    /**
     * What FPREM leaves open if it is not complete: it takes off 32 to 63 bits (Intel SDM vol. 2A,
     * FPREM).
     */
    private static final int UNDEFINED_IF_PARTIAL =
            X87.C0 | X87.C1 | X87.C3 | FloatExceptions.UNDERFLOW | 1 << 7 | 1 << 15; // and ES, B

    private static NativeOracle oracle;

    private final NativeState before = new NativeState(STATES);
    private final NativeState after = new NativeState(STATES);
    private final Operands operands = new Operands(SEED);
    private final X87 f = new X87();
    private boolean decimal; // operands in memory are of decimal digits

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        oracle = NativeOracle.start();
    }

    @AfterAll
    static void stop() throws IOException {
        if (oracle != null) oracle.close();
    }

    private void fill() {
        before.reset();
        for (int i = 0; i < STATES; i++) {
            for (int n = 0; n < 8; n++) anyNumber(i, n);
            if (operands.random().nextInt(6) == 0) before.st(i, 1, before.signExponent(i, 0), before.significand(i, 0));
            before.tags(i, anyTags());
            before.controlWord(i, anyControl());
            before.statusWord(
                    i,
                    (operands.random().nextInt() & 0x7f00)
                            | (before.controlWord(i) & (operands.random().nextInt() & 0x3f)));
            before.register(i, NativeState.RBX, operands.packed());
            before.xmm(i, 0, decimal ? operands.random().nextLong() & 0x7777_7777_7777_7777L : anyMemory(i));
            before.xmm(i, 1, decimal ? 0x8012 : operands.random().nextLong());
        }
        System.arraycopy(before.bytes(), 0, after.bytes(), 0, before.bytes().length);
    }

    /** Floats, doubles and integers, for an operand in memory. */
    private long anyMemory(int i) {
        return switch (i & 3) {
            case 0 -> operands.float64();
            case 1 -> operands.floats32();
            case 2 -> operands.packed() >> operands.random().nextInt(64);
            default -> operands.random().nextLong();
        };
    }

    private int anyTags() {
        return operands.random().nextInt(5) == 0
                ? operands.random().nextInt(256)
                : operands.random().nextInt(3) == 0
                        ? 0xff
                        : 0x3f << operands.random().nextInt(3);
    }

    private int anyControl() {
        int random = operands.random().nextInt();
        int precision = (random & 0x300) == 0x100 ? 0x300 : random & 0x300; // one value is reserved
        int masks = operands.random().nextInt(3) == 0 ? random & 0x3f : 0x3f;
        return 0x40 | masks | precision | (random & 0xc00);
    }

    private void anyNumber(int state, int n) {
        int sign = operands.random().nextInt() & 0x8000;
        long fraction = operands.fraction(63) | Long.MIN_VALUE;
        switch (operands.random().nextInt(14)) {
            case 0 -> before.st(state, n, sign, 0);
            case 1 -> before.st(state, n, sign | 0x7fff, Long.MIN_VALUE);
            case 2 -> before.st(state, n, sign | 0x7fff, fraction | (1L << 62));
            case 3 -> before.st(state, n, sign | 0x7fff, (fraction & ~(1L << 62)) | 1);
            case 4 -> before.st(state, n, sign, operands.fraction(63));
            case 5 -> before.st(state, n, sign | operands.random().nextInt(70), fraction);
            case 6 -> before.st(state, n, sign | (0x7ffe - operands.random().nextInt(70)), fraction);
            case 7 -> before.st(state, n, sign | operands.random().nextInt(0x8000), operands.fraction(64));
            case 8, 9 -> before.st(state, n, sign | (16383 + operands.random().nextInt(140) - 70), fraction);
            case 10 -> before.st(state, n, sign | (16383 + operands.random().nextInt(4) - 2), fraction);
            case 11 ->
                before.st(
                        state,
                        n,
                        sign | (16383 + operands.random().nextInt(20)),
                        Long.MIN_VALUE | (operands.random().nextLong() << 44));
            case 12 ->
                before.st(state, n, sign | (16383 - 1022 + operands.random().nextInt(120) - 60), fraction);
            default ->
                before.st(state, n, sign | (16383 - 126 + operands.random().nextInt(60) - 30), fraction);
        }
    }

    private void load(int i) {
        X87Images.loadFx(f, MemorySegment.ofBuffer(before.image(i)), true);
    }

    private String name(String what, int i) {
        return "%s of ST0 %04x.%016x ST1 %04x.%016x, control %04x status %04x tags %02x, RBX %x, memory %x, seed %d"
                .formatted(
                        what,
                        before.signExponent(i, 0),
                        before.significand(i, 0),
                        before.signExponent(i, 1),
                        before.significand(i, 1),
                        before.controlWord(i),
                        before.statusWord(i),
                        before.tags(i),
                        before.register(i, NativeState.RBX),
                        before.xmm(i, 0),
                        SEED);
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) bytes[i] = (byte) values[i];
        return bytes;
    }

    private void compare(String what, int undefined, IntConsumer ours, int... code) throws IOException {
        for (int batch = 0; batch < BATCHES; batch++) {
            fill();
            oracle.run(bytes(code), after.bytes(), STATES);
            for (int i = 0; i < STATES; i++) {
                load(i);
                ours.accept(i);
                check(what, i, undefined);
            }
        }
    }

    private void compareRemainder(String what, IntConsumer ours, int... code) throws IOException {
        for (int batch = 0; batch < BATCHES; batch++) {
            fill();
            oracle.run(bytes(code), after.bytes(), STATES);
            for (int i = 0; i < STATES; i++) {
                load(i);
                ours.accept(i);
                boolean partial = (f.status() & after.statusWord(i) & X87.C2) != 0;
                if (partial) {
                    checkFrom(1, what, i, UNDEFINED_IF_PARTIAL);
                } else {
                    check(what, i, 0);
                }
            }
        }
    }

    private void check(String what, int i, int undefined) {
        checkFrom(0, what, i, undefined);
    }

    /** Compares all but the first registers. */
    private void checkFrom(int first, String what, int i, int undefined) {
        Check.same(f.status() & ~undefined, after.statusWord(i) & ~undefined, () -> name(what, i) + ": status");
        Check.same(f.used(), after.tags(i), () -> name(what, i) + ": tags");
        for (int n = first; n < 8; n++) {
            int register = n;
            Check.same(
                    f.signExponent(n),
                    after.signExponent(i, n),
                    () -> name(what, i) + ": sign and exponent of ST" + register);
            Check.same(
                    f.significand(n), after.significand(i, n), () -> name(what, i) + ": significand of ST" + register);
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"COMPARE", "COMPARE_POP"})
    void arithmeticAgrees(Operation op) throws IOException {
        int modrm = 0xc0 + 8 * op.digit();
        compare(op + " ST1", UNDEFINED, i -> X87Arithmetic.operate(f, op, 0, 1, false), 0xd8, modrm + 1);
        // toward ST(i) the two subtractions and divisions swap their opcodes
        int reversed = op.digit() < 4 ? modrm : modrm ^ 8;
        compare(op + " to ST1, pop", UNDEFINED, i -> X87Arithmetic.operate(f, op, 1, 0, true), 0xde, reversed + 1);
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"COMPARE", "COMPARE_POP"})
    void arithmeticWithMemoryAgrees(Operation op) throws IOException {
        int digit = 8 * op.digit();
        memory(op + " m32", i -> X87Arithmetic.operateFloat(f, op, (int) before.xmm(i, 0)), UNDEFINED, 0xd8, digit);
        memory(op + " m64", i -> X87Arithmetic.operateDouble(f, op, before.xmm(i, 0)), UNDEFINED, 0xdc, digit);
        memory(
                op + " m32int",
                i -> X87Arithmetic.operateInteger(f, op, (int) before.xmm(i, 0)),
                UNDEFINED,
                0xda,
                digit);
        memory(
                op + " m16int",
                i -> X87Arithmetic.operateInteger(f, op, (short) before.xmm(i, 0)),
                UNDEFINED,
                0xde,
                digit);
    }

    private int memory32(int i) {
        return (int) before.xmm(i, 0);
    }

    /** With an operand at R12 + 160, where the state has XMM0. */
    private void memory(String what, IntConsumer ours, int undefined, int opcode, int digit) throws IOException {
        compare(what, undefined, ours, 0x41, opcode, 0x84 | digit, 0x24, 160, 0, 0, 0);
    }

    @Test
    void comparisonsAgree() throws IOException {
        compare("fcom", 0, i -> X87Comparisons.fcom(f, 1, false, 0), 0xd8, 0xd1);
        compare("fcomp", 0, i -> X87Comparisons.fcom(f, 1, false, 1), 0xd8, 0xd9);
        compare("fcompp", 0, i -> X87Comparisons.fcom(f, 1, false, 2), 0xde, 0xd9);
        compare("fucom", 0, i -> X87Comparisons.fcom(f, 1, true, 0), 0xdd, 0xe1);
        compare("fucompp", 0, i -> X87Comparisons.fcom(f, 1, true, 2), 0xda, 0xe9);
        compare("ftst", 0, i -> X87Comparisons.ftst(f), 0xd9, 0xe4);
        compare("fxam", 0, i -> X87Comparisons.fxam(f), 0xd9, 0xe5);
        memory("fcom m32", i -> X87Comparisons.fcomFloat(f, (int) before.xmm(i, 0), 0), 0, 0xd8, 0x10);
        memory("fcomp m64", i -> X87Comparisons.fcomDouble(f, before.xmm(i, 0), 1), 0, 0xdc, 0x18);
        memory("ficom m16", i -> X87Comparisons.ficom(f, (short) before.xmm(i, 0), 0), 0, 0xde, 0x10);
    }

    @Test
    void comparisonsToFlagsAgree() throws IOException {
        for (int form = 0; form < 4; form++) {
            boolean quiet = (form & 1) == 0;
            boolean pop = form >= 2;
            String what = "f%scomi%s".formatted(quiet ? "u" : "", pop ? "p" : "");
            compare(
                    what,
                    UNDEFINED | X87.C1,
                    i -> { // AMD's processors leave C1, which Intel's clear
                        int flags = X87Comparisons.fcomi(f, 1, quiet, pop);
                        if (flags != X87Comparisons.NO_FLAGS) {
                            Check.same(flags, after.flags(i) & 0x45, () -> name(what, i) + ": EFLAGS");
                        }
                    },
                    pop ? 0xdf : 0xdb,
                    quiet ? 0xe9 : 0xf1);
        }
    }

    @Test
    void functionsAgree() throws IOException {
        compare("fsqrt", UNDEFINED, i -> X87Arithmetic.fsqrt(f), 0xd9, 0xfa);
        compare("frndint", UNDEFINED, i -> X87Arithmetic.frndint(f), 0xd9, 0xfc);
        compare("fscale", UNDEFINED, i -> X87Arithmetic.fscale(f), 0xd9, 0xfd);
        compare("fabs", UNDEFINED, i -> X87Arithmetic.fabs(f), 0xd9, 0xe1);
        compare("fchs", UNDEFINED, i -> X87Arithmetic.fchs(f), 0xd9, 0xe0);
        compare("fxtract", UNDEFINED, i -> X87Arithmetic.fxtract(f), 0xd9, 0xf4);
    }

    @Test
    void remaindersAgree() throws IOException {
        compareRemainder("fprem", i -> X87Arithmetic.fprem(f), 0xd9, 0xf8);
        compareRemainder("fprem1", i -> X87Arithmetic.fprem1(f), 0xd9, 0xf5);
    }

    @Test
    void loadsAgree() throws IOException {
        memory("fld m32", i -> X87Transfers.fldFloat(f, (int) before.xmm(i, 0)), UNDEFINED, 0xd9, 0);
        memory("fld m64", i -> X87Transfers.fldDouble(f, before.xmm(i, 0)), UNDEFINED, 0xdd, 0);
        memory("fild m16", i -> X87Transfers.fild(f, (short) before.xmm(i, 0)), UNDEFINED, 0xdf, 0);
        memory("fild m32", i -> X87Transfers.fild(f, memory32(i)), UNDEFINED, 0xdb, 0);
        memory("fild m64", i -> X87Transfers.fild(f, before.xmm(i, 0)), UNDEFINED, 0xdf, 0x28);
        memory(
                "fld m80",
                i -> X87Transfers.fldExtended(f, (int) before.xmm(i, 1), before.xmm(i, 0)),
                UNDEFINED,
                0xdb,
                0x28);
    }

    @Test
    void packedDecimalLoadsAgree() throws IOException {
        decimal = true;
        memory("fbld", i -> X87Transfers.fbld(f, before.xmm(i, 0), (int) before.xmm(i, 1)), UNDEFINED, 0xdf, 0x20);
    }

    @Test
    void storesAgree() throws IOException {
        store("fst m32", i -> X87Transfers.prepareFloat(f), 0xffff_ffffL, false, 0xd9, 0x10);
        store("fstp m64", i -> X87Transfers.prepareDouble(f), -1, true, 0xdd, 0x18);
        store("fist m16", i -> X87Transfers.prepareInteger(f, 16, false), 0xffff, false, 0xdf, 0x10);
        store("fistp m32", i -> X87Transfers.prepareInteger(f, 32, false), 0xffff_ffffL, true, 0xdb, 0x18);
        store("fistp m64", i -> X87Transfers.prepareInteger(f, 64, false), -1, true, 0xdf, 0x38);
        store("fisttp m16", i -> X87Transfers.prepareInteger(f, 16, true), 0xffff, true, 0xdf, 0x08);
        store("fisttp m64", i -> X87Transfers.prepareInteger(f, 64, true), -1, true, 0xdd, 0x08);
        store("fstp m80", i -> X87Transfers.prepareExtended(f), -1, true, 0xdb, 0x38);
        store("fbstp", i -> X87Transfers.prepareBcd(f), -1, true, 0xdf, 0x30);
    }

    /** A store goes to the stack and from there to RAX and RDX. */
    private void store(String what, IntPredicate prepare, long mask, boolean pop, int opcode, int digit)
            throws IOException {
        boolean long80 = what.equals("fstp m80") || what.equals("fbstp");
        compare(
                what,
                UNDEFINED,
                i -> {
                    boolean writes = prepare.test(i);
                    if (writes) {
                        Check.same(
                                X87Transfers.low(f) & mask,
                                after.register(i, NativeState.RAX) & mask,
                                () -> name(what, i) + ": stored");
                        if (long80) {
                            Check.same(
                                    X87Transfers.high(f),
                                    after.register(i, NativeState.RDX) & 0xffff,
                                    () -> name(what, i) + ": stored above");
                        }
                    } else {
                        Check.same(
                                before.register(i, NativeState.RBX),
                                after.register(i, NativeState.RAX),
                                () -> name(what, i) + ": not stored");
                    }
                    X87Transfers.finishStore(f, writes, pop);
                },
                // mov [rsp-16], rbx; fst [rsp-16]; mov rax, [rsp-16]; mov rdx, [rsp-8]
                0x48,
                0x89,
                0x5c,
                0x24,
                0xf0,
                opcode,
                0x44 | digit,
                0x24,
                0xf0,
                0x48,
                0x8b,
                0x44,
                0x24,
                0xf0,
                0x48,
                0x8b,
                0x54,
                0x24,
                0xf8);
    }

    @Test
    void movesBetweenRegistersAgree() throws IOException {
        compare("fld st1", UNDEFINED, i -> X87Transfers.fld(f, 1), 0xd9, 0xc1);
        compare("fst st2", UNDEFINED, i -> X87Transfers.fst(f, 2, false), 0xdd, 0xd2);
        compare("fstp st1", UNDEFINED, i -> X87Transfers.fst(f, 1, true), 0xdd, 0xd9);
        compare("fxch st1", UNDEFINED, i -> X87Transfers.fxch(f, 1), 0xd9, 0xc9);
        compare("ffree st1", UNDEFINED | X87.C1, i -> f.free(1), 0xdd, 0xc1);
        compare("fincstp", UNDEFINED, i -> f.incrementTop(), 0xd9, 0xf7);
        compare("fdecstp", UNDEFINED, i -> f.decrementTop(), 0xd9, 0xf6);
        compare("fclex", UNDEFINED | X87.C1, i -> f.clearExceptions(), 0xdb, 0xe2);
        // xor eax, eax; inc eax; fcmovnb st1
        compare("fcmovnb", UNDEFINED, i -> X87Transfers.fcmov(f, 1, true), 0x31, 0xc0, 0xff, 0xc0, 0xdb, 0xc1);
    }

    @Test
    void constantsAgree() throws IOException {
        for (Constant constant : Constant.values()) {
            compare(constant.name(), UNDEFINED, i -> X87Transfers.fldConstant(f, constant), 0xd9, constant.opcode());
        }
    }

    @Test
    void imagesAgree() throws IOException {
        fill();
        // fnsave [rsp-120]; frstor [rsp-120]
        oracle.run(bytes(0xdd, 0x74, 0x24, 0x88, 0xdd, 0x64, 0x24, 0x88), after.bytes(), STATES);
        for (int i = 0; i < STATES; i++) {
            load(i);
            MemorySegment image = MemorySegment.ofArray(new byte[X87Images.ENVIRONMENT_32 + X87Images.REGISTERS_SIZE]);
            X87Images.save(f, image, true, false);
            X87Images.restore(f, image, true, false);
            check("fnsave and frstor", i, 0);
        }
    }
}
