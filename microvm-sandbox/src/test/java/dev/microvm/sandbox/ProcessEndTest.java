package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.sandbox.agent.CommandEnd;
import dev.microvm.sandbox.agent.Wire;
import java.time.Duration;
import org.junit.jupiter.api.Test;

final class ProcessEndTest {
    @Test
    void tellsSignalsFromExitCodes() {
        ProcessEnd killed = ProcessEnd.of(new CommandEnd(Wire.SIGNALED | Wire.CPU_LIMIT, 9, 1024, 77, 3));
        ProcessEnd exited = ProcessEnd.of(new CommandEnd(0, 137, 0, 0, 0));

        assertThat(killed.signal()).hasValue(9);
        assertThat(killed.exitStatus()).isEmpty();
        assertThat(killed.exitCode()).isEqualTo(137);
        assertThat(killed.cpuLimitReached()).isTrue();
        assertThat(killed.timedOut()).isFalse();
        assertThat(killed.cpuTime()).isEqualTo(Duration.ofNanos(1_024_000));
        assertThat(killed.peakMemory()).isEqualTo(77);
        assertThat(killed.oomKills()).isEqualTo(3);
        assertThat(exited.exitCode()).isEqualTo(137);
        assertThat(exited.signal()).isEmpty();
    }
}
