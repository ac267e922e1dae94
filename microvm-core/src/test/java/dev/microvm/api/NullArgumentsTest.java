package dev.microvm.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.limits.Budget;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.ApiSamples;
import dev.microvm.testing.ExportedTypes;
import dev.microvm.testing.NullWalk;
import dev.microvm.testing.ScriptedVcpu;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The API of this module, called with null. */
final class NullArgumentsTest {
    @Test
    void failAtTheCall_withTheNameOfTheParameter() throws IOException {
        try (ApiSamples samples = samples()) {
            NullWalk walk = new NullWalk(samples, Set.of());

            walk.over(ExportedTypes.ofThisModule());

            assertThat(walk.wrong()).isEmpty();
            assertThat(walk.parameters()).isGreaterThan(100);
        }
    }

    private static ApiSamples samples() {
        ApiSamples samples = new ApiSamples();
        MemorySegment page = Arena.ofAuto().allocate(4096, 4096);
        GuestMemoryRegion region = new GuestMemoryRegion(0, page, false);
        samples.add(Path.class, Path.of("sample"));
        samples.add(MemorySegment.class, page);
        samples.add(GuestMemoryRegion.class, region);
        samples.add(GuestMemory.class, new GuestMemory(List.of(region)));
        samples.add(Vcpu.class, ScriptedVcpu.spinning(0).vcpu());
        samples.add(DeviceState.class, new DeviceState("sample", 1));
        samples.add(FpuState.class, new FpuState(new byte[4096], 1));
        samples.add(LapicState.class, new LapicState(new byte[1024]));
        Budget.Owner owner = new Budget("samples", 1).owner("sample");
        samples.add(Budget.Owner.class, owner);
        samples.add(Budget.Share.class, owner.open(() -> {}));
        return samples;
    }
}
