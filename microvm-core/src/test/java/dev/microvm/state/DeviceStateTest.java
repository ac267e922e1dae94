package dev.microvm.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DeviceStateTest {
    private static final int VERSION_AT = 8 + 2 + "uart".length(); // after the magic number and the type
    private static final int COUNT_AT = VERSION_AT + 4;

    private static DeviceState sample() {
        return new DeviceState("uart", 3)
                .put("lcr", 0x80)
                .put("divisor", -1L)
                .put("irq", true)
                .put("fifo", new byte[] {1, 2, 3})
                .put("rates", new long[] {9600, -1});
    }

    @Test
    void comesBackEqual_whenEncodedAndDecoded() {
        DeviceState decoded = DeviceState.decode(sample().encode());

        assertThat(decoded).isEqualTo(sample()).hasSameHashCodeAs(sample());
        assertThat(decoded.type()).isEqualTo("uart");
        assertThat(decoded.version()).isEqualTo(3);
        assertThat(decoded.number("divisor")).isEqualTo(-1L);
        assertThat(decoded.integer("lcr")).isEqualTo(0x80);
        assertThat(decoded.flag("irq")).isTrue();
        assertThat(decoded.bytes("fifo")).containsExactly(1, 2, 3);
        assertThat(decoded.numbers("rates")).containsExactly(9600, -1);
        assertThat(decoded.fields()).containsExactly("divisor", "fifo", "irq", "lcr", "rates");
    }

    @Test
    void comesBackEqual_whenItHasNoField() {
        DeviceState empty = new DeviceState("nothing", 1);

        assertThat(DeviceState.decode(empty.encode())).isEqualTo(empty);
    }

    static IntStream lengthsCutShort() {
        return IntStream.range(0, sample().encode().length);
    }

    @ParameterizedTest
    @MethodSource("lengthsCutShort")
    void isRefused_whenCutShort(int length) {
        byte[] part = Arrays.copyOf(sample().encode(), length);

        assertThatIllegalArgumentException().isThrownBy(() -> DeviceState.decode(part));
    }

    @Test
    void isRefused_whenBytesFollow() {
        byte[] encoded = sample().encode();
        byte[] longer = Arrays.copyOf(encoded, encoded.length + 1);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceState.decode(longer))
                .withMessage("device state has 1 bytes too many");
    }

    @Test
    void isRefused_whenTheMagicNumberIsWrong() {
        byte[] encoded = sample().encode();
        encoded[0]++;

        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceState.decode(encoded))
                .withMessage("not a device state: wrong magic number");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 6})
    void isRefused_whenTheFieldCountLies(int count) {
        byte[] encoded = sample().encode();
        ByteBuffer.wrap(encoded).putInt(COUNT_AT, count);

        assertThatIllegalArgumentException().isThrownBy(() -> DeviceState.decode(encoded));
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, Integer.MAX_VALUE, 4})
    void isRefused_whenALengthLies(int length) {
        byte[] encoded = new DeviceState("uart", 3).put("fifo", new byte[3]).encode();
        ByteBuffer.wrap(encoded).putInt(COUNT_AT + 4 + 2 + "fifo".length() + 1, length);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceState.decode(encoded))
                .withMessage("device state is cut short");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, Integer.MAX_VALUE, 3})
    void isRefused_whenTheLengthOfAListLies(int length) {
        byte[] encoded = new DeviceState("uart", 3).put("rates", new long[2]).encode();
        ByteBuffer.wrap(encoded).putInt(COUNT_AT + 4 + 2 + "rates".length() + 1, length);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceState.decode(encoded))
                .withMessage("device state is cut short");
    }

    @Test
    void isRefused_whenAFieldOccursTwice() {
        byte[] encoded =
                new DeviceState("uart", 3).put("lcr", 0).put("lcr", new byte[0]).encode();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceState.decode(encoded))
                .withMessage("device state has field lcr twice");
    }

    @Test
    void isRefused_whenAFieldIsOfAnUnknownKind() {
        byte[] encoded = new DeviceState("uart", 3).put("lcr", 0).encode();
        encoded[COUNT_AT + 4 + 2 + "lcr".length()] = 9;

        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceState.decode(encoded))
                .withMessage("device state field lcr has an unknown kind");
    }

    @Test
    void isAccepted_whenTypeAndVersionFit() {
        DeviceState state = sample();

        assertThat(state.require("uart", 3)).isSameAs(state);
        assertThat(state.require("uart", 4)).isSameAs(state);
    }

    @Test
    void namesBothTypes_whenTheTypeDiffers() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sample().require("rtc", 9))
                .withMessage("state of uart version 3 given to rtc, which reads versions 1 to 9");
    }

    @Test
    void isRefused_whenItsVersionIsTooNewOrBelowOne() {
        DeviceState none = new DeviceState("uart", 0);

        assertThatIllegalArgumentException().isThrownBy(() -> sample().require("uart", 2));
        assertThatIllegalArgumentException().isThrownBy(() -> none.require("uart", 2));
    }

    @Test
    void namesTheField_whenItIsMissing() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sample().number("fifo")) // it is there, but as bytes
                .withMessage("state of uart version 3 has no field fifo");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sample().bytes("lcr"))
                .withMessage("state of uart version 3 has no field lcr");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sample().numbers("lcr"))
                .withMessage("state of uart version 3 has no field lcr");
    }

    @Test
    void namesTheField_whenANumberExceedsAnInt() {
        DeviceState state = new DeviceState("uart", 3).put("count", 1L << 32);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> state.integer("count"))
                .withMessage("state of uart version 3: field count = 0x100000000 is too large");
    }

    @Test
    void namesTheField_whenANumberHasTooManyBits() {
        DeviceState state = new DeviceState("uart", 3).put("lcr", 0x1ff).put("mask", 0xffff_ffffL);

        assertThat(state.unsigned("lcr", 9)).isEqualTo(0x1ff);
        assertThat(state.unsigned("mask", 32)).isEqualTo(-1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> state.unsigned("lcr", 8))
                .withMessage("state of uart version 3: field lcr = 0x1ff has more than 8 bits");
    }

    @Test
    void keepsItsOwnBytes_whenACallerChangesAnArray() {
        byte[] given = {1, 2, 3};
        DeviceState state = new DeviceState("uart", 3).put("fifo", given);
        given[0] = 9;
        state.bytes("fifo")[1] = 9;

        assertThat(state.bytes("fifo")).containsExactly(1, 2, 3);
    }

    @Test
    void listsNumbersByName_unmodifiably() {
        assertThat(sample().numbers())
                .containsExactly(Map.entry("divisor", -1L), Map.entry("irq", 1L), Map.entry("lcr", 0x80L));
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> sample().numbers().clear());
    }

    @Test
    void differs_whenAFieldDoes() {
        assertThat(sample()).isNotEqualTo(sample().put("lcr", 0x81)).isNotEqualTo(sample().put("fifo", new byte[3]));
    }

    @Test
    void printsItself() {
        assertThat(sample())
                .hasToString("uart v3 divisor=0xffffffffffffffff irq=0x1 lcr=0x80 fifo=[3 bytes] rates=[2 numbers]");
    }

    @Test
    void refusesToEncode_whenAFieldNameIsTooLong() {
        DeviceState state = new DeviceState("uart", 3).put("x".repeat(65_536), 1);

        assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(state::encode);
    }
}
