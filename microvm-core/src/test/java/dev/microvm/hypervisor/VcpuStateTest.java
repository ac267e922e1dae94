package dev.microvm.hypervisor;

import static dev.microvm.hypervisor.MsrNumbers.IA32_TSC_DEADLINE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.ApiSamples;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class VcpuStateTest {
    private static final int IRR = 0x200; // Intel SDM vol. 3A, table 11-1

    @Test
    void timerThatExpiresBetweenTwoReads_isInTheState() {
        VcpuState state = VcpuState.of(new ExpiringTimer().vcpu(), InterruptMode.SPLIT);

        LapicState lapic = Objects.requireNonNull(state.lapic());
        boolean pending = lapic.registers()[IRR] != 0;
        boolean armed = state.msrs().getFirst().value() != 0;
        assertThat(pending || armed)
                .as("the interrupt is pending, or its deadline is still to come")
                .isTrue();
    }

    /** A vCPU whose timer expires as soon as the first thing was read of it. */
    private static final class ExpiringTimer {
        private final ApiSamples samples = new ApiSamples();
        private boolean expired;

        Vcpu vcpu() {
            Class<?>[] type = {Vcpu.class};
            return (Vcpu) Proxy.newProxyInstance(
                    Vcpu.class.getClassLoader(), type, (self, method, arguments) -> read(method));
        }

        private Object read(Method method) {
            boolean before = expired;
            return switch (method.getName()) {
                case "msrIndices" -> new int[] {IA32_TSC_DEADLINE};
                case "msrs" -> {
                    expired = true;
                    yield List.of(new MsrEntry(IA32_TSC_DEADLINE, before ? 0 : 1_000));
                }
                case "lapic" -> {
                    expired = true;
                    byte[] registers = new byte[LapicState.SIZE];
                    registers[IRR] = (byte) (before ? 1 : 0);
                    yield new LapicState(registers);
                }
                case "activity" -> ActivityState.HALTED;
                case "fpuState" -> new FpuState(new byte[FpuState.MIN_SIZE], 1);
                default -> samples.of(method.getReturnType()); // what else there is of a vCPU does not matter here
            };
        }
    }
}
