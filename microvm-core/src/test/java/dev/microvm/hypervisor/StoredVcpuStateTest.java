package dev.microvm.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.state.DeviceState;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

final class StoredVcpuStateTest {
    private static byte[] filled(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) bytes[i] = (byte) (i * 7);
        return bytes;
    }

    private static SegmentRegister segment(int n) {
        return new SegmentRegister(
                -0x1000L * n, -n, 0xfff8 - n, n, n % 2 == 0, n % 4, n % 3 == 0, true, n % 5 == 0, true, false, n == 3);
    }

    /** A state in which every field has a value of its own, as far as there are that many. */
    private static VcpuState state(@Nullable LapicState lapic, ActivityState activity) {
        return new VcpuState(
                new Registers(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, -16, Long.MIN_VALUE, 0x202),
                new SpecialRegisters(
                        segment(1),
                        segment(2),
                        segment(3),
                        segment(4),
                        segment(5),
                        segment(6),
                        segment(7),
                        segment(8),
                        new DescriptorTable(-1, 0xffff),
                        new DescriptorTable(0x6000, 0xfff),
                        20,
                        21,
                        22,
                        23,
                        24,
                        25,
                        26),
                new FpuState(filled(4096), 7),
                new DebugRegisters(30, 31, 32, 33, 0xffff_0ff0L, 0x400),
                lapic,
                List.of(
                        new MsrEntry(MsrNumbers.IA32_LSTAR, -1),
                        new MsrEntry(MsrNumbers.IA32_TIME_STAMP_COUNTER, 40),
                        new MsrEntry(MsrNumbers.IA32_TSC_DEADLINE, 41)),
                new VcpuEvents(true, false, 14, true, -2, false, 0xff, true, 3, false, true, false, 0x9a),
                activity);
    }

    private static VcpuState state() {
        return state(new LapicState(filled(LapicState.SIZE)), ActivityState.RUNNING);
    }

    private static VcpuState stored(VcpuState state) {
        return VcpuState.from(DeviceState.decode(state.save().encode()));
    }

    @ParameterizedTest
    @EnumSource(ActivityState.class)
    void comesBackEqual_whenStored(ActivityState activity) {
        VcpuState state = state(new LapicState(filled(LapicState.SIZE)), activity);

        assertThat(stored(state)).isEqualTo(state);
    }

    @Test
    void comesBackEqual_withoutALocalApic() {
        VcpuState state = state(null, ActivityState.HALTED);

        assertThat(stored(state)).isEqualTo(state);
    }

    @Test
    void keepsTheNumbersOfActivities() {
        assertThat(Arrays.stream(ActivityState.values())
                        .map(each -> state(null, each).save().number("activity")))
                .containsExactly(0L, 1L, 2L, 3L, 4L);
    }

    @Test
    void isRefused_whenTheVersionIsUnknown() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(new DeviceState("vcpu", 2)))
                .withMessage("state of vcpu version 2 given to vcpu, which reads versions 1 to 1");
        assertThatIllegalArgumentException().isThrownBy(() -> VcpuState.from(new DeviceState("uart", 1)));
    }

    static Stream<String> fields() {
        return state().save().fields().stream();
    }

    @ParameterizedTest
    @MethodSource("fields")
    void namesTheField_whenItIsMissing(String field) {
        DeviceState without = new DeviceState("vcpu", 1);
        DeviceState whole = state().save();
        whole.fields().stream().filter(each -> !each.equals(field)).forEach(each -> copy(whole, each, without));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(without))
                .withMessage("state of vcpu version 1 has no field " + field);
    }

    private static void copy(DeviceState from, String field, DeviceState to) {
        Map<String, Long> numbers = from.numbers();
        if (numbers.containsKey(field)) to.put(field, from.number(field));
        else if (field.startsWith("msrs.")) to.put(field, from.numbers(field));
        else to.put(field, from.bytes(field));
    }

    @Test
    void namesTheField_whenItIsUnknown() {
        DeviceState more = state().save().put("cet", 1).put("apx", new byte[3]);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(more))
                .withMessage("state of vcpu version 1 has unknown fields: [apx, cet]");
    }

    @ParameterizedTest
    @CsvSource({"cs.type,16", "ss.dpl,4", "tr.selector,65536", "gdt.limit,65536", "ds.limit,-1", "exception.vector,256"
    })
    void namesTheField_whenAValueIsOutOfRange(String field, long value) {
        DeviceState wrong = state().save().put(field, value);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(wrong))
                .withMessageContaining("field " + field);
    }

    @Test
    void isRefused_whenAPartHasAnotherLengthOrNumber() {
        DeviceState lapic = state().save().put("lapic", new byte[100]);
        DeviceState xsave = state().save().put("xsave", new byte[100]);
        DeviceState msrs = state().save().put("msrs.value", new long[2]);
        DeviceState activity = state().save().put("activity", 5);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(lapic))
                .withMessage("LAPIC state: 1024 bytes, was 100");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(xsave))
                .withMessage("XSAVE area: at least 576 bytes, was 100");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(msrs))
                .withMessage("state of vcpu version 1 has 3 MSR numbers but 2 MSR values");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VcpuState.from(activity))
                .withMessage("state of vcpu version 1: field activity = 5: must be 0 to 4");
    }
}
