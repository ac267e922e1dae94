package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.clock.ClockOnResume;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class GuestTimeOfDayTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private static final Duration HOUR = Duration.ofHours(1);

    private Instant host = START;
    private final GuestTimeOfDay guest = new GuestTimeOfDay(() -> host);

    private void pauseForAnHour(ClockOnResume how) {
        guest.pause();
        host = host.plus(HOUR);
        guest.resume(how);
    }

    @Test
    void stands_whileItIsPaused() {
        guest.pause();
        host = host.plus(HOUR);
        guest.pause();

        assertThat(guest.instant()).isEqualTo(START);
    }

    @Test
    void lagsByAllPauses_whenItContinues() {
        pauseForAnHour(ClockOnResume.CONTINUE);
        pauseForAnHour(ClockOnResume.CONTINUE);
        host = host.plusSeconds(1);

        assertThat(guest.instant()).isEqualTo(START.plusSeconds(1));
    }

    @Test
    void lagsByEarlierPausesOnly_whenItCatchesUp() {
        pauseForAnHour(ClockOnResume.CONTINUE);
        pauseForAnHour(ClockOnResume.CATCH_UP);

        assertThat(guest.instant()).isEqualTo(START.plus(HOUR));
    }

    @Test
    void isTheHosts_whenItWasNeverPaused() {
        guest.resume(ClockOnResume.CONTINUE);
        host = host.plus(HOUR);

        assertThat(guest.instant()).isEqualTo(host);
    }
}
