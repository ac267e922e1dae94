package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.console.ConsoleBuffer;
import dev.microvm.console.ConsoleInput;
import dev.microvm.machine.RamImage;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.MachineSpec;
import dev.microvm.snapshot.MachineState;
import dev.microvm.testing.ApiSamples;
import dev.microvm.testing.ExportedTypes;
import dev.microvm.testing.NullWalk;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The API of this module, called with null. */
final class NullArgumentsTest {
    /** Records with a component that snapshots of earlier versions lack: null has its default. */
    private static final Set<String> OF_EARLIER_SNAPSHOTS =
            Set.of("dev.microvm.model.CpuSpec", "dev.microvm.model.VirtioDeviceSpec$Rng");

    @TempDir
    private Path folder;

    @Test
    void failAtTheCall_withTheNameOfTheParameter() throws IOException {
        MicroVm machine = TinyKernel.on(folder, "exit")
                .hypervisor(HypervisorChoice.ENGINE)
                .build();
        try (ApiSamples samples = BootSamples.in(folder);
                MicroVm running = TinyKernel.of("virtio", folder, "endless")
                        .hypervisor(HypervisorChoice.ENGINE)
                        .start()) {
            samples.add(MicroVm.class, machine);
            samples.add(MicroVmBuilder.class, MicroVm.builder());
            samples.add(RestoreBuilder.class, restore());
            samples.add(PausedMachine.class, running.pause());
            samples.add(Snapshot.class, running.snapshot(folder.resolve("snapshot")));
            samples.add(Console.class, new Console(machine, new ConsoleBuffer(), new ConsoleInput(null)));
            NullWalk walk = new NullWalk(samples, OF_EARLIER_SNAPSHOTS);

            walk.over(ExportedTypes.ofThisModule());

            assertThat(walk.wrong()).isEmpty();
            assertThat(walk.parameters()).isGreaterThan(200);
        }
    }

    private static RestoreBuilder restore() {
        MachineState state = new MachineState(
                MachineSpec.DEFAULT, "engine", Instant.EPOCH, OptionalLong.empty(), List.of(), new LinkedHashMap<>());
        return new RestoreBuilder(state, RamImage.of(RamBacking.anonymous()), null, slot -> List.of());
    }
}
