package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.testkit.engine.EventConditions.container;
import static org.junit.platform.testkit.engine.EventConditions.event;
import static org.junit.platform.testkit.engine.EventConditions.finishedWithFailure;
import static org.junit.platform.testkit.engine.EventConditions.skippedWithReason;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.cause;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.message;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/** What happens to tests where no guest can run. */
final class UnavailableTest {
    private static final String REASON = "this host can run no guest: kvm: no /dev/kvm; engine: denied";

    /** The extension on a host without anything. */
    static final class NothingRuns extends MicroVmsExtension {
        NothingRuns() {
            super(() -> "kvm: no /dev/kvm; engine: denied");
        }
    }

    @ExtendWith(NothingRuns.class)
    @MicroVms
    static final class ByDefault {
        @Test
        void never() {
            fail("ran");
        }
    }

    @ExtendWith(NothingRuns.class)
    @MicroVms(unavailable = Unavailable.FAIL)
    static final class Fails {
        @Test
        void never() {
            fail("ran");
        }
    }

    @Test
    void skipsTheClass_withTheReason() {
        EngineExecutionResults results = run(ByDefault.class, "");

        results.containerEvents().assertThatEvents().haveExactly(1, event(skippedWithReason(REASON)));
        assertThat(results.testEvents().count()).isZero();
    }

    @Test
    void failsTheClass_whenTheAnnotationSaysSo() {
        assertFails(run(Fails.class, "skip"));
    }

    @Test
    void failsTheClass_whenTheParameterSaysSo() {
        assertFails(run(ByDefault.class, "fail"));
    }

    @Test
    void refusesAnotherValueOfTheParameter() {
        run(ByDefault.class, "never")
                .containerEvents()
                .assertThatEvents()
                .haveExactly(
                        1,
                        event(finishedWithFailure(
                                cause(message("microvm.junit.unavailable is \"never\": skip or fail")))));
    }

    private static void assertFails(EngineExecutionResults results) {
        results.containerEvents()
                .assertThatEvents()
                .haveExactly(1, event(container(), finishedWithFailure(cause(message(REASON)))));
        assertThat(results.testEvents().count()).isZero();
    }

    private static EngineExecutionResults run(Class<?> tests, String parameter) {
        EngineTestKit.Builder kit = EngineTestKit.engine("junit-jupiter").selectors(selectClass(tests));
        if (!parameter.isEmpty()) kit.configurationParameter(Unavailable.PARAMETER, parameter);
        return kit.execute();
    }
}
