package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Probe;
import dev.microvm.hypervisor.Probe.Support;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.model.HypervisorChoice;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class SelectedHypervisorTest {
    private static final Probe NO_DEVICE =
            new Probe(Support.NONE, "/dev/kvm does not exist", "load the module kvm_amd");
    private static final Probe EMULATED = new Probe(Support.LIMITED, "it emulates supervisor code", "use another host");

    @Test
    void isKvm_whenThatRunsAnyGuest() {
        assertThat(automatic(new Fixed("kvm", Probe.full()), new Fixed("engine", Probe.full())))
                .isEqualTo("kvm: KVM runs any guest on this host");
    }

    @Test
    void isTheEngine_whenKvmRunsNoOrdinaryKernel() {
        assertThat(automatic(new Fixed("kvm", EMULATED), new Fixed("engine", Probe.full())))
                .isEqualTo("engine: the Java engine, because it emulates supervisor code; use another host");
    }

    @Test
    void isRefused_whenNothingRunsAnOrdinaryKernel() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> automatic(new Fixed("kvm", NO_DEVICE), new Fixed("engine", EMULATED)))
                .withMessage(
                        "no installed hypervisor can run an ordinary kernel on this host: KVM: /dev/kvm does not exist;"
                                + " load the module kvm_amd; engine: it emulates supervisor code; use another host");
    }

    @Test
    void saysItOnce_whenTheSameIsWrongWithBoth() {
        Probe denied = new Probe(Support.NONE, "this JVM denies native access: start it with an option", "");

        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> automatic(new Fixed("kvm", denied), new Fixed("engine", denied)))
                .withMessage("this JVM denies native access: start it with an option");
    }

    @Test
    void isTheChosenOne_withTheReasonsAgainstIt() {
        SelectedHypervisor selected =
                SelectedHypervisor.select(HypervisorChoice.KVM, List.of(new Fixed("kvm", EMULATED)));
        assertThat(selected.why())
                .isEqualTo("KVM was asked for, although it emulates supervisor code; use another host");
    }

    @Test
    void isRefused_whenTheChosenOneIsNotInstalled() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> SelectedHypervisor.select(HypervisorChoice.ENGINE, List.of()))
                .withMessage("no hypervisor \"engine\" is installed: add the module microvm-engine");
    }

    @Test
    void isRefused_whenTheChosenOneCannotBeUsed() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> SelectedHypervisor.select(HypervisorChoice.KVM, List.of(new Fixed("kvm", NO_DEVICE))))
                .withMessage("/dev/kvm does not exist; load the module kvm_amd");
    }

    private static String automatic(Hypervisor... installed) {
        SelectedHypervisor selected = SelectedHypervisor.select(HypervisorChoice.AUTO, List.of(installed));
        return selected.hypervisor().name() + ": " + selected.why();
    }

    /** A hypervisor with this probe result, which makes no machine. */
    private record Fixed(String name, Probe probe) implements Hypervisor {
        @Override
        public Set<Capability> capabilities(InterruptMode interruptMode) {
            return Set.of();
        }

        @Override
        public List<CpuidEntry> supportedCpuid(GuestClock clock) {
            return List.of();
        }

        @Override
        public VirtualMachine createVm(String machine, InterruptMode interruptMode, GuestClock clock) {
            throw new HypervisorException("no machine is made here");
        }
    }
}
