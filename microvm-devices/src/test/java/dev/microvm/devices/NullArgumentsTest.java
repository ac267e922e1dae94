package dev.microvm.devices;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.ApiSamples;
import dev.microvm.testing.ExportedTypes;
import dev.microvm.testing.NullWalk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The API of this module, called with null. */
final class NullArgumentsTest {
    @TempDir
    private Path folder;

    @Test
    void failAtTheCall_withTheNameOfTheParameter() throws IOException {
        try (ApiSamples samples = DeviceSamples.in(folder)) {
            NullWalk walk = new NullWalk(samples, Set.of());

            walk.over(ExportedTypes.ofThisModule());

            assertThat(walk.wrong()).isEmpty();
            assertThat(walk.parameters()).isGreaterThan(100);
        }
    }
}
