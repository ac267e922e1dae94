package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.testing.Lanes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Linux that has nothing to do leaves the host's CPU alone. */
@Lanes.Kernels
@Timeout(300)
final class LinuxIdleTest {
    private static final String TIMER_INTERRUPTS = "awk '/LOC:/ { print $2 }' /proc/interrupts";
    private static final int SECONDS = 4;
    private static final int TICKS = 250; // a second, CONFIG_HZ of the bundled kernel

    @Test
    void stopsItsTick_whileItIsIdle() {
        try (MicroVm vm = LinuxAtWork.ready(LinuxAtWork.bundled().guest(1, 128))) {
            int before = interrupts(vm);
            ask(vm, "sleep " + SECONDS);

            assertThat(interrupts(vm) - before).isLessThan(SECONDS * TICKS / 2);
        }
    }

    private static int interrupts(MicroVm vm) {
        return ask(vm, TIMER_INTERRUPTS)
                .lines()
                .map(String::strip)
                .filter(line -> line.matches("[0-9]+"))
                .mapToInt(Integer::parseInt)
                .findFirst()
                .orElseThrow();
    }
}
