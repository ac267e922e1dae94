package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.microvm.junit.named.GuestOfPackage;
import dev.microvm.junit.named.Subjects;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.EventType;

/** Who is asked for the guest of a parameter or of a field without a value. The providers here only say so. */
final class GuestDefaultsTest {
    @MicroVms
    static final class NamesNone {
        @Test
        void test(@Guest GuestVm guest) {}
    }

    @MicroVms(guest = GuestOfPackage.class, root = "rootfs")
    static final class NamesBoth {
        @Test
        void test(@Guest GuestVm guest) {}
    }

    @MicroVms(root = "nowhere")
    static final class NamesARoot {
        @Test
        void test(@Guest GuestVm guest) {}
    }

    @MicroVms
    static final class HasAnotherType {
        @Guest
        private static final String guest = "none";

        @Test
        void test() {
            assertThat(guest).isNotEmpty();
        }
    }

    @MicroVms
    static final class HasOneForAllTests {
        @Guest(reset = Reset.PER_CLASS)
        final GuestVm guest = TestGuests.of(Path.of("nowhere"));

        @Test
        void test() {}
    }

    /** Returns the text of the first failure, with those of its causes. */
    private static String failure(Class<?> tests, String guestOfRun) {
        EngineTestKit.Builder kit = EngineTestKit.engine("junit-jupiter").selectors(selectClass(tests));
        if (!guestOfRun.isEmpty()) kit.configurationParameter(GuestProvider.PARAMETER, guestOfRun);
        Throwable failure = kit.execute().allEvents().stream()
                .filter(event -> event.getType() == EventType.FINISHED)
                .flatMap(event -> event.getPayload(TestExecutionResult.class).stream())
                .flatMap(result -> result.getThrowable().stream())
                .findFirst()
                .orElseThrow();
        StringBuilder text = new StringBuilder();
        for (Throwable each = failure; each != null; each = each.getCause())
            text.append(each).append('\n');
        return text.toString();
    }

    @Test
    void asksTheClass_alsoForOneInside() {
        assertThat(failure(Subjects.NamesOne.class, "")).contains("asked the class");
    }

    @Test
    void asksThePackage_whenTheClassNamesNone() {
        assertThat(failure(Subjects.NamesNone.class, "")).contains("asked the package");
    }

    @Test
    void asksTheRun_whenNeitherNamesOne() {
        String provider = Subjects.GuestOfClass.class.getName();

        assertThat(failure(NamesNone.class, provider)).contains("asked the class");
    }

    @Test
    void saysWhereToNameOne_whenNobodyDoes() {
        assertThat(failure(NamesNone.class, ""))
                .contains("no guest is described")
                .contains("@MicroVms(guest = ...)")
                .contains(GuestProvider.PARAMETER);
    }

    @ParameterizedTest
    @ValueSource(strings = {"java.lang.String", "there.is.None"})
    void refusesAParameter_thatNamesNoProvider(String value) {
        assertThat(failure(NamesNone.class, value))
                .contains(GuestProvider.PARAMETER)
                .contains(value);
    }

    @Test
    void refusesAGuestAndARoot() {
        assertThat(failure(NamesBoth.class, "")).contains("both guest and root");
    }

    @Test
    void saysWhichRootIsMissing() {
        assertThat(failure(NamesARoot.class, "")).contains("the root of @MicroVms does not exist: /");
    }

    @Test
    void refusesAFieldOfAnotherType() {
        assertThat(failure(HasAnotherType.class, "")).contains("a @Guest field is a dev.microvm.junit.GuestVm");
    }

    @Test
    void refusesOneMachineForAllTests_whenTheFieldIsNotShared() {
        assertThat(failure(HasOneForAllTests.class, "")).contains("make it static");
    }
}
