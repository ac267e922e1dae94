package dev.microvm.boot.testing;

import dev.microvm.EngineHostsTest;
import dev.microvm.MicroVm;
import dev.microvm.model.HypervisorChoice;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The program that {@link EngineHostsTest} runs in a new JVM: a {@link TinyKernel} on the
 * hypervisor that AUTO selects.
 */
public final class PortableProgram {
    private PortableProgram() {}

    public static void main(String[] args) {
        try (MicroVm vm = TinyKernel.of("ends", Path.of(args[0]), "exit")
                .hypervisor(HypervisorChoice.AUTO)
                .start()) {
            System.out.println(vm.awaitExit(Duration.ofSeconds(60)).reason() + "!");
            System.out.println(vm.describe());
        }
    }
}
