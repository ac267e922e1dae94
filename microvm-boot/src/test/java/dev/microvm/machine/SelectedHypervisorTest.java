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
import dev.microvm.machine.Packaging.Form;
import dev.microvm.model.HypervisorChoice;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SelectedHypervisorTest {
    private static final Probe NO_DEVICE =
            new Probe(Support.NONE, "/dev/kvm does not exist", "load the module kvm_amd");
    private static final Probe EMULATED = new Probe(Support.LIMITED, "it emulates supervisor code", "use another host");

    private static final Packaging ABSENT = new Packaging(Form.CLASS_PATH, false);
    private static final Packaging UNREGISTERED = new Packaging(Form.CLASS_PATH, true);

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
                        "neither KVM nor the Java engine can run an ordinary kernel here: KVM: /dev/kvm does not exist;"
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
                .isThrownBy(() -> SelectedHypervisor.select(HypervisorChoice.ENGINE, List.of(), name -> ABSENT))
                .withMessage("microvm-engine is missing: add the dependency dev.microvm:microvm-engine");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        CLASS_PATH    | false | microvm-engine is missing: add the dependency dev.microvm:microvm-engine
        CLASS_PATH    | true  | microvm-engine is on the class path, but not found as a service: merge META-INF/services when jars are merged into one (Maven shade: ServicesResourceTransformer; Gradle shadow: mergeServiceFiles())
        MODULE_PATH   | false | microvm-engine is missing: put the jar of dev.microvm:microvm-engine on the module path
        RUNTIME_IMAGE | false | microvm-engine is missing in this runtime image: make it with jlink --add-modules dev.microvm.engine
        """)
    void saysHowToAddTheEngine(Form form, boolean hasClass, String text) {
        Packaging packaging = new Packaging(form, hasClass);
        List<Hypervisor> onlyKvm = List.of(new Fixed("kvm", NO_DEVICE));

        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> SelectedHypervisor.select(HypervisorChoice.ENGINE, onlyKvm, name -> packaging))
                .withMessage(text);
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> SelectedHypervisor.select(HypervisorChoice.AUTO, onlyKvm, name -> packaging))
                .withMessage("neither KVM nor the Java engine can run an ordinary kernel here:"
                        + " KVM: /dev/kvm does not exist; load the module kvm_amd; engine: " + text);
    }

    /** A jar in which the engine's service file has replaced KVM's. */
    @Test
    void isTheEngine_whenKvmIsNotFoundAsAService() {
        assertThat(automatic(new Fixed("engine", Probe.full())))
                .isEqualTo("engine: the Java engine, because microvm-core is on the class path, but not found as a"
                        + " service: merge META-INF/services when jars are merged into one"
                        + " (Maven shade: ServicesResourceTransformer; Gradle shadow: mergeServiceFiles())");
    }

    @Test
    void isRefused_whenTheChosenOneCannotBeUsed() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> SelectedHypervisor.select(HypervisorChoice.KVM, List.of(new Fixed("kvm", NO_DEVICE))))
                .withMessage("/dev/kvm does not exist; load the module kvm_amd");
    }

    private static String automatic(Hypervisor... installed) {
        SelectedHypervisor selected =
                SelectedHypervisor.select(HypervisorChoice.AUTO, List.of(installed), name -> UNREGISTERED);
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
