package dev.microvm.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.cli.Durations;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** How options are read. */
final class RunOptionsTest {
    @Test
    void readsSizes() {
        assertThat(new Sizes().convert("256")).isEqualTo(256);
        assertThat(new Sizes().convert("64M")).isEqualTo(64);
        assertThat(new Sizes().convert("2GiB")).isEqualTo(2048);
    }

    @Test
    void readsTimes() {
        assertThat(new Durations().convert("10")).isEqualTo(Duration.ofSeconds(10));
        assertThat(new Durations().convert("250ms")).isEqualTo(Duration.ofMillis(250));
        assertThat(new Durations().convert("2h")).isEqualTo(Duration.ofHours(2));
    }

    @Test
    void readsPorts_ofTheLoopbackUnlessTheySayOtherwise() {
        PublishedPort.Converter ports = new PublishedPort.Converter();

        assertThat(ports.convert("80")).isEqualTo(new PublishedPort("127.0.0.1", 0, 80, false));
        assertThat(ports.convert("8080:80")).isEqualTo(new PublishedPort("127.0.0.1", 8080, 80, false));
        assertThat(ports.convert("0.0.0.0:53:5353/udp")).isEqualTo(new PublishedPort("0.0.0.0", 53, 5353, true));
    }

    @Test
    void readsDisks_andTheirFormatByTheName() {
        Path raw = Path.of("a.img");
        Path cow = Path.of("b.qcow2");

        assertThat(new DiskOption().convert("a.img")).isEqualTo(DiskImage.raw(raw));
        assertThat(new DiskOption().convert("b.qcow2,ro"))
                .isEqualTo(DiskImage.qcow2(cow).readOnly());
        assertThat(new DiskOption().convert("b.qcow2,format=raw,overlay"))
                .isEqualTo(DiskImage.raw(cow).overlay());
    }

    @Test
    void readsNetworks() {
        NetworkOption.Converter networks = new NetworkOption.Converter();

        assertThat(networks.convert("user")).isEqualTo(new NetworkOption(NetworkOption.Kind.USER, ""));
        assertThat(networks.convert("tap:tap0")).isEqualTo(new NetworkOption(NetworkOption.Kind.TAP, "tap0"));
        assertThat(networks.convert("unix:/run/passt:1"))
                .isEqualTo(new NetworkOption(NetworkOption.Kind.UNIX, "/run/passt:1"));
    }

    @Test
    void readsCopies() {
        assertThat(new CopyOption.Converter().convert("a:b:/c")).isEqualTo(new CopyOption(Path.of("a:b"), "/c"));
    }
}
