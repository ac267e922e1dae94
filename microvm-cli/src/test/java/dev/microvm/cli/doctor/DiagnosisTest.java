package dev.microvm.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cli.doctor.Finding.Status;
import dev.microvm.hypervisor.Probe;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is said of hosts of different kinds. */
final class DiagnosisTest {
    private static final Probe NO_KVM = new Probe(Probe.Support.NONE, "/dev/kvm does not exist in this container", "");
    private static final Path KERNEL = Path.of("/cache/vmlinuz");

    private static Host host(
            String container, int java, Map<String, Probe> hypervisors, Optional<Path> kernel, Host.Tun tun) {
        return new Host(
                "Linux 6.1 on amd64",
                java + ".0.1 (vendor)",
                java,
                Optional.empty(),
                container,
                hypervisors,
                kernel,
                "",
                tun,
                Optional.empty(),
                new Host.Cache(Path.of("/cache"), true),
                List.of("core", "boot"));
    }

    private static Finding finding(Host host, String topic) {
        return Diagnosis.of(host).findings().stream()
                .filter(each -> each.topic().equals(topic))
                .findAny()
                .orElseThrow();
    }

    @Test
    void isContent_whenAllIsThere() {
        Host good =
                host("", 25, Map.of("kvm", Probe.full(), "engine", Probe.full()), Optional.of(KERNEL), Host.Tun.USABLE);

        assertThat(Diagnosis.of(good).findings()).allMatch(each -> each.status() == Status.OK);
        assertThat(Diagnosis.runsKernels(good)).isTrue();
    }

    @Test
    void tellsEachContainersOwnRemedy_whenKvmIsNotPassedToIt() {
        for (String container : List.of("docker", "podman", "kubernetes", "lxc")) {
            Host host = host(
                    container, 25, Map.of("kvm", NO_KVM, "engine", Probe.full()), Optional.empty(), Host.Tun.ABSENT);

            assertThat(finding(host, "kvm").status()).isEqualTo(Status.MISSING);
            assertThat(finding(host, "kvm").remedy()).contains("kvm");
            assertThat(finding(host, "network").remedy()).contains("--device /dev/net/tun");
            assertThat(Diagnosis.runsKernels(host)).isTrue();
        }
    }

    @Test
    void saysWhatIsMissing_whenTheProgramLacksIt() {
        Host host = host("", 22, Map.of("kvm", NO_KVM), Optional.empty(), Host.Tun.FORBIDDEN);

        assertThat(finding(host, "engine").remedy()).contains("microvm-engine");
        assertThat(finding(host, "kernel").remedy()).contains("scripts/kernel");
        assertThat(finding(host, "java").status()).isEqualTo(Status.LIMITED);
        assertThat(finding(host, "network").status()).isEqualTo(Status.LIMITED);
        assertThat(Diagnosis.runsKernels(host)).isFalse();
    }

    @Test
    void looksAtThisHost() {
        Host host = Host.look();

        assertThat(host.hypervisors()).containsKey("kvm");
        assertThat(host.modules()).contains("core", "devices", "boot", "sandbox");
    }

    @Test
    void saysWhyTheBundledKernelCannotBeUsed() {
        Host host = new Host(
                "Linux 6.1 on amd64",
                "25.0.1 (vendor)",
                25,
                Optional.empty(),
                "",
                Map.of(),
                Optional.empty(),
                "kernel: /none cannot be written",
                Host.Tun.ABSENT,
                Optional.empty(),
                new Host.Cache(Path.of("/none"), false),
                List.of("kernel"));

        assertThat(finding(host, "kernel").text()).isEqualTo("kernel: /none cannot be written");
        assertThat(finding(host, "kernel").remedy()).contains("cache", "--kernel");
    }
}
