package dev.microvm.bus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class IoBusesTest {
    private final IoBuses buses = new IoBuses();
    private final List<String> heard = new ArrayList<>();

    @Test
    void keepsPortsAndMemoryApart_whenBothHaveTheSameAddress() {
        buses.ports().add(0x80, 4, "port", device("port"));
        buses.mmio().add(0x80, 4, "mmio", device("mmio"));

        buses.portOut(0x81, 1, 7);
        buses.mmioWrite(0x82, 2, 9);

        assertThat(buses.portIn(0x80, 1)).isEqualTo(4);
        assertThat(buses.mmioRead(0x80, 1)).isEqualTo(4);
        assertThat(heard).containsExactly("port 1 7", "mmio 2 9");
    }

    @Test
    void floatsHigh_whenThereIsNoDevice() {
        assertThat(buses.portIn(0x80, 1)).isEqualTo(0xff);
        assertThat(buses.portIn(0x80, 2)).isEqualTo(0xffff);
        assertThat(buses.mmioRead(0x80, 4)).isEqualTo(0xffff_ffffL);
        assertThat(buses.mmioRead(0x80, 8)).isEqualTo(-1L);
    }

    @Test
    void namesTheBus_whenARangeIsRefused() {
        assertThat(refusal(buses.ports())).startsWith("port bus: ");
        assertThat(refusal(buses.mmio())).startsWith("MMIO bus: ");
    }

    @Test
    void tellsTheIoApic_whenAnInterruptEnds() {
        buses.onEndOfInterrupt(vector -> heard.add("EOI " + vector));

        buses.endOfInterrupt(0x31);

        assertThat(heard).containsExactly("EOI 49");
    }

    @Test
    void dropsTheEndOfAnInterrupt_whenThereIsNoIoApic() {
        assertThatNoException().isThrownBy(() -> buses.endOfInterrupt(0x31));
    }

    private static String refusal(Bus bus) {
        try {
            bus.add(0, 0, "nothing", new IoBusesTest().device("nothing"));
            return "";
        } catch (IllegalArgumentException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private BusDevice device(String name) {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                return name.length();
            }

            @Override
            public void write(long offset, int size, long value) {
                heard.add(name + " " + offset + " " + value);
            }
        };
    }
}
