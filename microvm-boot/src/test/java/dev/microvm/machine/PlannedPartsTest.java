package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.tables.AcpiConfig.LegacyPart;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.hypervisor.Capability;
import dev.microvm.machine.PartPlan.Owner;
import dev.microvm.model.BusDeviceSpec;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.model.OptionsSpec;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class PlannedPartsTest {
    @Test
    void overlapNowhere_withAllPartsThatThereCanBe() {
        List<Place> places =
                everything().flatMap(part -> part.places().stream()).toList();

        for (Place one : places) {
            assertThat(places).filteredOn(one::overlaps).containsExactly(one);
        }
    }

    @Test
    void haveNamesOfTheirOwn() {
        assertThat(everything().map(PartPlan::name)).doesNotHaveDuplicates();
    }

    @Test
    void belongToTheHypervisor_whenItHasTheInterruptControllers() {
        PcPart.Setting setting = new PcPart.Setting(options(Irqchip.KERNEL, Feature.ON), false);

        assertThat(PcPart.values())
                .filteredOn(part -> part.plan(setting).owner() == Owner.HYPERVISOR)
                .containsExactly(
                        PcPart.IOAPIC,
                        PcPart.PIC,
                        PcPart.PIT,
                        PcPart.SYSTEM_CONTROL_B,
                        PcPart.GENERATION_ID,
                        PcPart.LOCAL_APICS,
                        PcPart.HYPERVISOR_PAGES);
        assertThat(PcPart.SECOND_IOAPIC.plan(setting).owner()).isEqualTo(Owner.NOBODY);
    }

    @Test
    void areNotInTheTables_whenTheMachineLacksThem() {
        PlannedParts without = PlannedParts.of(options(Irqchip.SPLIT, Feature.OFF), List.of(), false, List.of());

        assertThat(without.acpi(1).entries())
                .contains(LegacyPart.PIC, LegacyPart.KEYBOARD_CONTROLLER)
                .doesNotContain(LegacyPart.REAL_TIME_CLOCK, LegacyPart.ISA_DEVICES);
    }

    @Test
    void keepThePlaceOfAPartThatIsAbsent() {
        assertThat(problems(Feature.OFF, port("mine", 0x3F0, 0x10)))
                .containsExactly("portDevice \"mine\": port bus: mine at [0x3f0, +0x10)"
                        + " overlaps 16550 UART at [0x3f8, +0x8)");
    }

    @Test
    void nameTheLowest_whenADeviceOverlapsSeveral() {
        assertThat(problems(Feature.ON, port("mine", 0x60, 5)))
                .containsExactly("portDevice \"mine\": port bus: mine at [0x60, +0x5) overlaps i8042 at [0x60, +0x1)");
    }

    @Test
    void compareTheUsersDevicesWithEachOther() {
        assertThat(problems(
                        Feature.ON,
                        port("first", 0x1000, 8),
                        new BusDeviceSpec("elsewhere", false, 0xC000_1000L, 8),
                        port("second", 0x1004, 8)))
                .containsExactly("portDevice \"second\": port bus: second at [0x1004, +0x8)"
                        + " overlaps first at [0x1000, +0x8)");
    }

    /** Returns all parts of a machine that has every part. */
    private static Stream<PartPlan> everything() {
        return Stream.concat(
                Stream.of(PcPart.values()).map(PcPart::plan),
                slots(PcLayout.MOST_VIRTIO_SLOTS).stream().map(VirtioSlot::part));
    }

    private static List<String> problems(Feature serial, BusDeviceSpec... devices) {
        return PlannedParts.of(options(Irqchip.SPLIT, serial), List.of(), false, List.of(devices))
                .problems();
    }

    private static BusDeviceSpec port(String name, int port, int size) {
        return new BusDeviceSpec(name, true, port, size);
    }

    /** Makes a plan, if wanted without RTC and serial port. */
    private static OptionsPlan options(Irqchip irqchip, Feature rtcAndSerial) {
        OptionsSpec spec =
                OptionsSpec.DEFAULT.withIrqchip(irqchip).withRtc(rtcAndSerial).withIsaSerial(rtcAndSerial);
        return OptionsPlanner.decide(spec, EnumSet.allOf(Capability.class), new ArrayList<>());
    }

    private static List<VirtioSlot> slots(int count) {
        return IntStream.range(0, count)
                .mapToObj(slot -> new VirtioSlot(
                        slot,
                        "virtio-rng",
                        VirtioMmio.Version.MODERN,
                        PcLayout.virtioBase(slot),
                        PcLayout.virtioGsi(slot, count, true),
                        transport -> new VirtioRng(transport, new SplittableRandom(slot))))
                .toList();
    }
}
