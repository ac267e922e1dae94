package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.Hypervisor;
import org.junit.jupiter.api.Test;

final class PackagingTest {
    @Test
    void findsTheClassOfEachInstalledHypervisor() {
        for (Hypervisor each : Hypervisor.installed()) {
            assertThat(Packaging.of(each.getClass().getName()).hasClass()).isTrue();
        }
    }

    @Test
    void findsNoClass_whenThereIsNone() {
        assertThat(Packaging.of("dev.microvm.engine.NoSuchHypervisor").hasClass())
                .isFalse();
    }

    /** The selection names the classes, because no code may depend on them. */
    @Test
    void isAskedForClassesThatExist() {
        assertThat(Hypervisor.installed())
                .extracting(each -> each.getClass().getName())
                .contains("dev.microvm.kvm.KvmHypervisor", "dev.microvm.engine.EngineHypervisor");
    }
}
