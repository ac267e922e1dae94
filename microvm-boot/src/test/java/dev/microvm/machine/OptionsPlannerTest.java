package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.hypervisor.Capability;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.model.OptionsSpec;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class OptionsPlannerTest {
    private static final Set<Capability> EVERYTHING = EnumSet.allOf(Capability.class);

    private OptionsSpec wanted = OptionsSpec.DEFAULT;
    private final List<String> problems = new ArrayList<>();

    @Test
    void hasEveryPart_whenNothingIsSaid() {
        OptionsPlan options = OptionsPlanner.decide(wanted, EVERYTHING, problems);

        assertThat(problems).isEmpty();
        assertThat(options.irqchip()).isEqualTo(Irqchip.SPLIT);
        assertThat(List.of(options.pic(), options.pit(), options.rtc(), options.isaSerial(), options.acpi()))
                .allMatch(Decision::present)
                .allMatch(part -> part.why().startsWith("AUTO: "));
    }

    @Test
    void hasNoPartThatIsOff() {
        wanted = wanted.withPic(Feature.OFF)
                .withPit(Feature.OFF)
                .withRtc(Feature.OFF)
                .withIsaSerial(Feature.OFF)
                .withAcpi(Feature.OFF);
        OptionsPlan options = OptionsPlanner.decide(wanted, EVERYTHING, problems);

        assertThat(problems).isEmpty();
        assertThat(List.of(options.pic(), options.pit(), options.rtc(), options.isaSerial(), options.acpi()))
                .containsOnly(new Decision(false, "not wanted"));
    }

    @Test
    void refusesToTurnOffThePicsOfTheHypervisor() {
        wanted = wanted.withIrqchip(Irqchip.KERNEL);
        wanted = wanted.withPic(Feature.OFF);
        OptionsPlanner.decide(wanted, EVERYTHING, problems);

        assertThat(problems)
                .containsExactly(
                        "pic: OFF needs irqchip(SPLIT): the hypervisor's own interrupt controllers come with PICs");
    }

    @Test
    void refusesIrqchipKernel_whenTheHypervisorHasNoInterruptControllers() {
        wanted = wanted.withIrqchip(Irqchip.KERNEL);
        OptionsPlanner.decide(wanted, EnumSet.of(Capability.TSC_DEADLINE), problems);

        assertThat(problems).singleElement().asString().startsWith("irqchip: KERNEL needs ");
    }

    @Test
    void refusesToTurnOffThePit_whenAGuestHasNothingElseToMeasureTimeWith() {
        wanted = wanted.withPit(Feature.OFF);
        OptionsPlanner.decide(wanted, EnumSet.of(Capability.DOORBELL), problems);

        assertThat(problems)
                .singleElement()
                .asString()
                .startsWith("pit: OFF needs ")
                .endsWith("leave the PIT on");
    }

    @Test
    void turnsOffThePit_whenThereIsOneOtherWayToMeasureTime() {
        wanted = wanted.withPit(Feature.OFF);
        OptionsPlanner.decide(wanted, EnumSet.of(Capability.TSC_DEADLINE), problems);
        OptionsPlanner.decide(wanted, EnumSet.of(Capability.PARAVIRTUAL_CLOCK), problems);

        assertThat(problems).isEmpty();
    }

    @Test
    void tellsTheKernelWhatThereIsNot_onlyWhereTablesDoNot() {
        wanted = wanted.withRtc(Feature.OFF);
        assertThat(OptionsPlanner.decide(wanted, EVERYTHING, problems).kernelParameters(List.of()))
                .isEmpty();

        wanted = wanted.withAcpi(Feature.OFF);
        assertThat(OptionsPlanner.decide(wanted, EVERYTHING, problems).kernelParameters(List.of()))
                .containsExactly("acpi=off", "initcall_blacklist=add_rtc_cmos");

        wanted = wanted.withRtc(Feature.ON);
        assertThat(OptionsPlanner.decide(wanted, EVERYTHING, problems).kernelParameters(List.of()))
                .containsExactly("acpi=off");

        wanted = wanted.withAutoKernelCmdline(Feature.OFF);
        assertThat(OptionsPlanner.decide(wanted, EVERYTHING, problems).kernelParameters(List.of()))
                .isEmpty();
    }

    @Test
    void printsOnTheSerialPort_onlyIfThereIsOne() {
        assertThat(OptionsPlanner.decide(wanted, EVERYTHING, problems).defaultCmdline(false))
                .isEqualTo("console=ttyS0 reboot=k panic=-1");

        wanted = wanted.withIsaSerial(Feature.OFF);
        assertThat(OptionsPlanner.decide(wanted, EVERYTHING, problems).defaultCmdline(false))
                .isEqualTo("reboot=k panic=-1");
        assertThat(OptionsPlanner.decide(wanted, EVERYTHING, problems).defaultCmdline(true))
                .isEqualTo("console=hvc0 reboot=k panic=-1");
    }
}
