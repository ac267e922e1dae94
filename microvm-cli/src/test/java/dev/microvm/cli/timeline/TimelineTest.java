package dev.microvm.cli.timeline;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayInputStream;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

/** Where the time of a start goes. */
final class TimelineTest {
    @Test
    void placesTheKernelsPhasesByItsOwnClock() {
        KernelLog log = new KernelLog();
        log.line("[    0.000000] Linux version 6.1", 900); // before the kernel's clock runs, and read late
        log.line("[    0.100000] Memory: 200000K/262144K available", 600);
        log.line("[    0.200000] devtmpfs: initialized", 800);
        log.line("no stamp", 850);
        log.line("[    0.700000] Run /init as init process", 1400);

        List<Phase> phases = log.phases(450, 1500);

        assertThat(phases)
                .extracting(Phase::name)
                .containsExactly(
                        "guest: before the kernel's first line",
                        "kernel: first steps",
                        "kernel: memory, interrupts, time",
                        "kernel: subsystems",
                        "init");
        assertThat(phases.getFirst().endMillis()).isEqualTo(500, within(0.01));
        assertThat(phases.getLast().startMillis()).isEqualTo(1200, within(0.01));
        assertThat(phases.getLast().endMillis()).isEqualTo(1500);
    }

    @Test
    void hasOnePhase_whenTheGuestSaysNothing() {
        assertThat(new KernelLog().phases(10, 20)).containsExactly(new Phase("guest", Phase.Who.GUEST, 10, 20));
    }

    @Test
    void isWellFormed_inLightAndDark() throws Exception {
        String svg = TimelineSvg.of(
                List.of(new Phase("JVM", Phase.Who.JVM, 0, 80), new Phase("a < b & c", Phase.Who.KERNEL, 80, 300.5)));

        Document document = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(svg.getBytes(UTF_8)));
        assertThat(document.getDocumentElement().getTagName()).isEqualTo("svg");
        assertThat(document.getElementsByTagName("rect").getLength()).isEqualTo(3);
        assertThat(svg).contains("prefers-color-scheme: dark", "a &lt; b &amp; c");
    }
}
