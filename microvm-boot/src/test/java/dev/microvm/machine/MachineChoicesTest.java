package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.Capability;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class MachineChoicesTest {
    private static final Set<Capability> EVERYTHING = EnumSet.allOf(Capability.class);

    private final MachineChoices choices = new MachineChoices();
    private final List<String> problems = new ArrayList<>();

    @Test
    void hasEveryPart_whenNothingIsSaid() {
        MachineOptions options = choices.decide(EVERYTHING, problems);

        assertThat(problems).isEmpty();
        assertThat(options.irqchip()).isEqualTo(Irqchip.SPLIT);
        assertThat(List.of(options.pic(), options.pit(), options.rtc(), options.isaSerial(), options.acpi()))
                .allMatch(Decision::present)
                .allMatch(part -> part.why().startsWith("AUTO: "));
    }

    @Test
    void hasNoPartThatIsOff() {
        choices.pic = choices.pit = choices.rtc = choices.isaSerial = choices.acpi = Feature.OFF;
        MachineOptions options = choices.decide(EVERYTHING, problems);

        assertThat(problems).isEmpty();
        assertThat(List.of(options.pic(), options.pit(), options.rtc(), options.isaSerial(), options.acpi()))
                .containsOnly(new Decision(false, "not wanted"));
    }

    @Test
    void refusesToTurnOffThePicsOfTheHypervisor() {
        choices.irqchip = Irqchip.KERNEL;
        choices.pic = Feature.OFF;
        choices.decide(EVERYTHING, problems);

        assertThat(problems)
                .containsExactly(
                        "pic: OFF needs irqchip(SPLIT): the hypervisor's own interrupt controllers come with PICs");
    }

    @Test
    void refusesIrqchipKernel_whenTheHypervisorHasNoInterruptControllers() {
        choices.irqchip = Irqchip.KERNEL;
        choices.decide(EnumSet.of(Capability.TSC_DEADLINE), problems);

        assertThat(problems).singleElement().asString().startsWith("irqchip: KERNEL needs ");
    }

    @Test
    void refusesToTurnOffThePit_whenAGuestHasNothingElseToMeasureTimeWith() {
        choices.pit = Feature.OFF;
        choices.decide(EnumSet.of(Capability.DOORBELL), problems);

        assertThat(problems)
                .singleElement()
                .asString()
                .startsWith("pit: OFF needs ")
                .endsWith("leave the PIT on");
    }

    @Test
    void turnsOffThePit_whenThereIsOneOtherWayToMeasureTime() {
        choices.pit = Feature.OFF;
        choices.decide(EnumSet.of(Capability.TSC_DEADLINE), problems);
        choices.decide(EnumSet.of(Capability.PARAVIRTUAL_CLOCK), problems);

        assertThat(problems).isEmpty();
    }

    @Test
    void tellsTheKernelWhatThereIsNot_onlyWhereTablesDoNot() {
        choices.rtc = Feature.OFF;
        assertThat(choices.decide(EVERYTHING, problems).kernelParameters(List.of()))
                .isEmpty();

        choices.acpi = Feature.OFF;
        assertThat(choices.decide(EVERYTHING, problems).kernelParameters(List.of()))
                .containsExactly("acpi=off", "initcall_blacklist=add_rtc_cmos");

        choices.rtc = Feature.ON;
        assertThat(choices.decide(EVERYTHING, problems).kernelParameters(List.of()))
                .containsExactly("acpi=off");

        choices.autoKernelCmdline = Feature.OFF;
        assertThat(choices.decide(EVERYTHING, problems).kernelParameters(List.of()))
                .isEmpty();
    }

    @Test
    void printsOnTheSerialPort_onlyIfThereIsOne() {
        assertThat(choices.decide(EVERYTHING, problems).defaultCmdline(false))
                .isEqualTo("console=ttyS0 reboot=k panic=-1");

        choices.isaSerial = Feature.OFF;
        assertThat(choices.decide(EVERYTHING, problems).defaultCmdline(false)).isEqualTo("reboot=k panic=-1");
        assertThat(choices.decide(EVERYTHING, problems).defaultCmdline(true))
                .isEqualTo("console=hvc0 reboot=k panic=-1");
    }
}
