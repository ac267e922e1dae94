package dev.microvm.engine.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.EngineHypervisor;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoder;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What another processor may do differently is accepted, and nothing else is: such a processor is
 * simulated here.
 */
final class OutcomeComparisonTest {
    private static final long READ_ONLY = UserCaseMachine.DATA + UserCaseMachine.DATA_SIZE; // a page
    private static final long MISSING = READ_ONLY + 0x1000; // a page, another is behind the stack
    private static final long MISSING_2 = UserCaseMachine.STACK + UserCaseMachine.STACK_SIZE;
    private static final long NOT_CANONICAL = 1L << 60;
    private static final long FIRST = MISSING + 0x100;
    private static final long SECOND = MISSING + 0x800;
    private static final int READ = Fault.USER;
    private static final int WRITE = Fault.USER | Fault.WRITE;
    private static final int RAX = 0;
    private static final int RCX = 1;
    private static final int RDX = 2;
    private static final int RSP = 4;
    private static final int RBP = 5;
    private static final int RSI = 6;
    private static final int RDI = 7;
    private static final int STATUS = 0; // the FXSAVE image's first 8 bytes
    private static final int ST0 = 32;
    private static final int XMM0 = 160;

    private final CaseBatch batch = new CaseBatch(1);
    private final Case c = batch.get(0);
    private final CaseBatch.Outcomes engine = new CaseBatch.Outcomes(1);
    private final CaseBatch.Outcomes other = new CaseBatch.Outcomes(1);
    private final Outcome ours = engine.get(0);
    private final Outcome real = other.get(0);
    private UserCaseMachine machine;
    private Expectation expectation;

    @BeforeEach
    void start() {
        machine = new UserCaseMachine(new EngineHypervisor());
        c.operand(UserCaseMachine.DATA, new byte[Case.MOST_BYTES]);
        byte[] fxsave = new byte[512];
        Words.put(fxsave, 0, 0x37F | 0xFFL << 32);
        Words.put(fxsave, 24, 0x1F80);
        c.fxsave(fxsave);
        c.flags(0x202);
        for (int i = 0; i < 16; i++) c.register(i, UserCaseMachine.DATA + 0x100);
        c.register(RSP, UserCaseMachine.STACK + 0x800);
        c.register(RBP, UserCaseMachine.STACK + 0x800);
    }

    @AfterEach
    void stop() {
        machine.close();
    }

    /**
     * Runs code of 64-bit mode, or of 32-bit mode, on the engine; the other processor does the same
     * at first.
     */
    private void run(String code, CodeMode mode) {
        boolean wide = mode == CodeMode.BITS_64;
        byte[] bytes = HexFormat.of().parseHex(code);
        c.wide(wide);
        c.selector(Case.CS, wide ? UserCaseMachine.CODE_64 : UserCaseMachine.CODE_32);
        c.selector(Case.SS, UserCaseMachine.DATA_32);
        c.selector(Case.DS, UserCaseMachine.DATA_32);
        c.selector(Case.ES, UserCaseMachine.DATA_32);
        c.rip(UserCaseMachine.CODE + 0x100);
        c.code(UserCaseMachine.CODE + 0x100, bytes);
        Decoder decoder = new Decoder();
        Decoder.Result result = decoder.decode(bytes, 0, bytes.length, mode);
        expectation = Expectation.of(decoder.decoded(), result, 0);
        machine.run(batch, 1, engine);
        System.arraycopy(engine.bytes, 0, other.bytes, 0, engine.bytes.length);
    }

    private void run(String code) {
        run(code, CodeMode.BITS_64);
    }

    private void realFaults(int vector, long error, long address) {
        real.vector(vector);
        real.error(error);
        real.address(address);
    }

    private String difference() {
        return OutcomeComparison.difference(c, expectation, real, ours);
    }

    // The order of two accesses

    @ParameterizedTest
    @ValueSource(strings = {"A6", "A7", "48A7", "F3A6", "F2A7"})
    void acceptsOtherOrder_whenBothOperandsOfCmpsFault(String code) {
        c.register(RSI, FIRST);
        c.register(RDI, SECOND);
        run(code);
        assertThat(ours.vector()).isEqualTo(Fault.PAGE);

        for (long address : new long[] {FIRST, SECOND}) {
            realFaults(Fault.PAGE, READ, address);
            assertThat(difference()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {FIRST + 1, SECOND - 1, MISSING, MISSING_2, UserCaseMachine.DATA, 0})
    void refusesAddress_thatNoOperandOfCmpsHas(long address) {
        c.register(RSI, FIRST);
        c.register(RDI, SECOND);
        run("A7");

        realFaults(Fault.PAGE, READ, address);

        assertThat(difference()).contains("fault");
    }

    @Test
    void refusesError_thatNoOperandOfCmpsGives() {
        c.register(RSI, FIRST);
        c.register(RDI, SECOND);
        run("A7");

        realFaults(Fault.PAGE, WRITE, SECOND);

        assertThat(difference()).contains("fault");
    }

    @Test
    void refusesOtherOperand_whenItDoesNotFault() {
        c.register(RDI, SECOND);
        run("A7");

        realFaults(Fault.PAGE, READ, c.register(RSI));

        assertThat(difference()).contains("fault");
    }

    @Test
    void looksAtTheTurnThatFaults_whenRepeated() {
        c.register(RSI, MISSING - 4);
        c.register(RDI, MISSING_2 - 4);
        c.register(RCX, 2);
        run("F3A5"); // writes to the end of the stack, then neither
        assertThat(ours.register(RCX)).isEqualTo(1);

        realFaults(Fault.PAGE, WRITE, MISSING_2);
        assertThat(difference()).isEmpty();
        realFaults(Fault.PAGE, READ, MISSING - 4);
        assertThat(difference()).contains("fault");
    }

    @Test
    void stillComparesRegisters_whenOrderDiffers() {
        c.register(RSI, FIRST);
        c.register(RDI, SECOND);
        run("A7");
        realFaults(Fault.PAGE, READ, SECOND);

        real.register(RCX, 4);

        assertThat(difference()).contains("r1").doesNotContain("fault");
    }

    @Test
    void refusesFault_whenEngineHasNone() {
        run("A7");

        realFaults(Fault.PAGE, READ, c.register(RSI));
        real.rip(c.rip());

        assertThat(difference()).contains("fault", "rip");
    }

    /** All with RAX, RCX, RDX, RSI at one place that is missing, RSP, RBP and RDI at another. */
    @ParameterizedTest
    @CsvSource({
        "push [rax],      FF30,     4, 100, 6, 7F8",
        "pop [rax],       8F00,     6, 100, 4, 800",
        "pop [rsp],       8F0424,   6, 808, 4, 800",
        "call [rax],      FF10,     4, 100, 6, 7F8",
        "movsb,           A4,       4, 100, 6, 800",
        "'enter 16, 0',   C8100000, 6, 7F8, 6, 7E8",
        "'enter 0, 2',    C8000002, 6, 7F8, 4, 7F8",
        "'xchg [rax], rcx', 488708,   4, 100, 6, 100",
        "lock add,        F0480108, 4, 100, 6, 100",
        "cmpxchg16b,      480FC708, 4, 100, 6, 108",
        "fxsave [rax],    0FAE00,   6, 100, 6, 110",
        "fxrstor [rax],   0FAE08,   4, 100, 4, 2F8",
        "iretd,           48CF,     4, 800, 4, 818"
    })
    void acceptsEitherAccess(String name, String code, int error1, String at1, int error2, String at2) {
        for (int i : new int[] {RAX, RCX, RDX, RSI}) c.register(i, FIRST);
        for (int i : new int[] {RSP, RBP, RDI}) c.register(i, SECOND);
        run(code);
        assertThat(ours.vector()).as(name).isEqualTo(Fault.PAGE);

        realFaults(Fault.PAGE, error1, MISSING + Long.parseLong(at1, 16));
        assertThat(difference()).as(name).isEmpty();
        realFaults(Fault.PAGE, error2, MISSING + Long.parseLong(at2, 16));
        assertThat(difference()).as(name).isEmpty();
        realFaults(Fault.PAGE, error2, MISSING + 0x50);
        assertThat(difference()).as(name).contains("fault");
    }

    @ParameterizedTest
    @ValueSource(strings = {"C408", "C508", "0FB208", "0FB408", "0FB508", "FF28", "6208"})
    void acceptsEitherPart_ofWhatIsReadInTwo(String code) {
        c.register(RAX, FIRST);
        run(code, CodeMode.BITS_32);

        for (int part = 0; part <= 4; part += 4) {
            realFaults(Fault.PAGE, READ, FIRST + part);
            assertThat(difference()).isEmpty();
        }
        realFaults(Fault.PAGE, READ, FIRST + 2);
        assertThat(difference()).contains("fault");
    }

    @ParameterizedTest
    @ValueSource(strings = {"488908", "0F38F108", "480108", "0F2B08", "0F1100"})
    void acceptsEitherPage_whenOperandIsInTwoThatFault(String code) {
        c.register(RAX, MISSING - 2);
        run(code);
        if (ours.vector() == Fault.PROTECTION) realFaults(Fault.PROTECTION, 0, 0);

        realFaults(Fault.PAGE, WRITE | Fault.PRESENT, MISSING - 2);
        assertThat(difference()).isEmpty();
        realFaults(Fault.PAGE, WRITE, MISSING);
        assertThat(difference()).isEmpty();
        realFaults(Fault.PAGE, WRITE | Fault.PRESENT, MISSING);
        assertThat(difference()).contains("fault");
    }

    @Test
    void refusesSecondPage_whenOperandEndsInFirst() {
        c.register(RAX, MISSING - 8);
        run("488908");

        realFaults(Fault.PAGE, WRITE, MISSING);

        assertThat(difference()).contains("fault");
    }

    @Test
    void acceptsSegmentFault_whenOtherAccessHasOne() {
        c.register(RSI, NOT_CANONICAL);
        c.register(RDI, SECOND);
        run("A7");
        assertThat(ours.vector()).isEqualTo(Fault.PROTECTION);

        realFaults(Fault.PAGE, READ, SECOND);
        assertThat(difference()).isEmpty();
        realFaults(Fault.STACK, 0, 0);
        assertThat(difference()).contains("fault");
    }

    @Test
    void acceptsStackFault_whenCallReadsWhatIsMissing() {
        c.register(RAX, FIRST);
        c.register(RSP, NOT_CANONICAL);
        run("FF10");
        assertThat(ours.vector()).isEqualTo(Fault.PAGE);

        realFaults(Fault.STACK, 0, 0);

        assertThat(difference()).isEmpty();
    }

    @Test
    void acceptsProtectionFault_whenPortsAreForbiddenAndMemoryIsMissing() {
        c.register(RDI, FIRST);
        run("6C");
        assertThat(ours.vector()).isEqualTo(Fault.PROTECTION);

        realFaults(Fault.PAGE, WRITE, FIRST);

        assertThat(difference()).isEmpty();
    }

    // What is undefined

    @Test
    void acceptsAnyTarget_whenBsfFindsNothing() {
        c.register(RAX, 0);
        run("0FBCD0");

        real.register(RDX, 0x1234);
        assertThat(difference()).isEmpty();
        real.register(RCX, 0x1234);
        assertThat(difference()).contains("r1");
    }

    @Test
    void refusesOtherTarget_whenBsfFindsABit() {
        run("0FBCD0");

        real.register(RDX, 0x1234);

        assertThat(difference()).contains("r2");
    }

    @Test
    void acceptsOtherRemainder_whenReductionIsPartial() {
        byte[] fxsave = c.fxsave();
        Words.put(fxsave, ST0, Long.MIN_VALUE);
        Words.put(fxsave, ST0 + 8, 0x43FF);
        Words.put(fxsave, ST0 + 16, 0xC000_0000_0000_0001L);
        Words.put(fxsave, ST0 + 24, 0x3FFF);
        c.fxsave(fxsave);
        run("D9F8");

        setReal(ST0, 0x1234);
        assertThat(difference()).isEmpty();
        setReal(ST0 + 16, 0x1234);
        assertThat(difference()).contains("st1");
    }

    @Test
    void acceptsOtherConditionCodes_afterAnAddition() {
        run("D8C1"); // fadd st0, st1
        final long c0 = 1L << (16 + 8);
        final long c1 = 1L << (16 + 9);

        setReal(STATUS, ours.fx(STATUS) ^ c0);
        assertThat(difference()).isEmpty();
        setReal(STATUS, ours.fx(STATUS) ^ c1);
        assertThat(difference()).contains("fsw");
    }

    @Test
    void acceptsOtherNan_ofADotProduct() {
        byte[] fxsave = c.fxsave();
        Words.put(fxsave, XMM0, 0x7FC0_0001_7FC0_0002L);
        c.fxsave(fxsave);
        run("660F3A40C0FF"); // dpps xmm0, xmm0, 0xff

        setReal(XMM0, 0xFFC0_0001_7FC0_0001L);
        assertThat(difference()).isEmpty();
        setReal(XMM0, 0x7FC0_0001_3F80_0000L);
        assertThat(difference()).contains("xmm0 low");
    }

    @Test
    void acceptsPartOfAStore_whenItsOtherPageFaults() {
        c.register(RAX, READ_ONLY - 8);
        run("0F1100"); // movups [rax], xmm0
        assertThat(ours.vector()).isEqualTo(Fault.PAGE);

        real.checksum(ours.checksum() + 1);

        assertThat(difference()).isEmpty();
    }

    @Test
    void refusesPartOfAStore_ofEightBytes() {
        c.register(RAX, READ_ONLY - 4);
        run("488908");

        real.checksum(ours.checksum() + 1);

        assertThat(difference()).contains("memory");
    }

    private void setReal(int offset, long value) {
        Words.put(other.bytes, Outcome.FXSAVE + offset, value);
    }
}
