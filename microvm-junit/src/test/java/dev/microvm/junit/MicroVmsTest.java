package dev.microvm.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.microvm.VmState;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.WaitFor;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;
import org.junit.platform.testkit.engine.EventType;

/** Runs classes with guests, and looks at what became of their tests and machines. */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(300)
@Execution(ExecutionMode.SAME_THREAD)
final class MicroVmsTest {
    private static final Queue<Sandbox> MADE = new ConcurrentLinkedQueue<>();

    @BeforeAll
    static void needKernel() {
        GuestFiles.bundledKernel();
    }

    @BeforeEach
    void forget() {
        MADE.clear();
    }

    private static EngineExecutionResults run(Class<?> tests, String... parameters) {
        EngineTestKit.Builder kit = EngineTestKit.engine("junit-jupiter").selectors(selectClass(tests));
        for (int i = 0; i < parameters.length; i += 2) kit.configurationParameter(parameters[i], parameters[i + 1]);
        EngineExecutionResults results = kit.execute();
        assertThat(MADE)
                .as("machines")
                .isNotEmpty()
                .allMatch(each -> each.machine().state() == VmState.CLOSED);
        return results;
    }

    private static void assertAllSucceed(EngineExecutionResults results, int tests) {
        assertThat(failures(results)).isEmpty();
        results.testEvents()
                .assertStatistics(statistics -> statistics.started(tests).succeeded(tests));
    }

    private static List<Throwable> failures(EngineExecutionResults results) {
        return results.allEvents().stream()
                .filter(event -> event.getType() == EventType.FINISHED)
                .flatMap(event -> event.getPayload(TestExecutionResult.class).stream())
                .flatMap(result -> result.getThrowable().stream())
                .toList();
    }

    private static Sandbox remember(GuestVm guest) {
        MADE.add(guest.sandbox());
        return guest.sandbox();
    }

    @MicroVms
    static final class OneForTheClass {
        @Guest
        private static final GuestVm guest = TestGuests.busybox();

        @Test
        void first() {
            leavesAFile();
        }

        @Test
        void second() {
            leavesAFile();
        }

        private static void leavesAFile() {
            remember(guest);
            guest.shell("echo x >> /etc/count");
            assertThat(guest.name()).isEqualTo("guest");
        }

        @Nested
        final class Inside {
            @Test
            void seesWhatTheOthersDid() {
                assertThat(guest.shell("cat /etc/count").stdout()).isEqualTo("x\nx\n");
            }
        }
    }

    @Test
    void startsOneMachineForTheClass_whenTheFieldIsStatic() {
        assertAllSucceed(run(OneForTheClass.class), 3);
        assertThat(Set.copyOf(MADE)).hasSize(1);
    }

    @MicroVms
    static final class OneForEachTest {
        @Guest
        private final GuestVm mine = TestGuests.busybox();

        @Guest(reset = Reset.PER_TEST)
        private static final GuestVm fresh = TestGuests.busybox();

        @BeforeEach
        void alreadyRuns() {
            assertThat(List.of(remember(mine), remember(fresh))).doesNotHaveDuplicates();
        }

        @Test
        void first() {
            seesNoFile();
        }

        @Test
        void second() {
            seesNoFile();
        }

        private void seesNoFile() {
            for (GuestVm each : List.of(mine, fresh)) {
                assertThat(each.shell("test ! -e /etc/left && touch /etc/left").exitCode())
                        .isZero();
            }
        }
    }

    @Test
    void startsAMachineForEachTest_whenTheFieldIsNotStaticOrSaysSo() {
        assertAllSucceed(run(OneForEachTest.class), 2);
        assertThat(Set.copyOf(MADE)).hasSize(4);
    }

    @MicroVms(guest = TestGuests.class)
    static final class Forked {
        private static final String BOOT_ID = "/proc/sys/kernel/random/boot_id";
        static final Queue<String> BOOTS = new ConcurrentLinkedQueue<>();

        @Guest(reset = Reset.PER_TEST)
        private static final GuestVm server = TestGuests.busybox()
                .withCommand(Command.shell("echo serving; cat " + BOOT_ID + " > /boot; exec httpd -f -p 80 -h /etc"))
                .withExposedPorts(80)
                .waitingFor(WaitFor.port(80));

        @Test
        void first(@Guest GuestVm client) throws Exception {
            visit(client);
        }

        @Test
        void second(@Guest GuestVm client) throws Exception {
            visit(client);
        }

        private static void visit(GuestVm client) throws IOException, InterruptedException {
            for (GuestVm each : List.of(server, client)) {
                remember(each);
                assertThat(each.shell("test ! -e /etc/page && echo hello > /etc/page")
                                .exitCode())
                        .isZero();
            }
            assertThat(Serves.get("http://%s:%d/page".formatted(server.host(), server.mappedPort(80))))
                    .isEqualTo("hello\n");
            assertThat(server.commandOutput()).contains("serving");
            BOOTS.add(server.shell("cat /boot").stdout());
        }
    }

    @Test
    void continuesFromOneBoot_whenTestsHaveGuestsOfOneDescription() {
        Forked.BOOTS.clear();

        assertAllSucceed(run(Forked.class), 2);

        assertThat(Set.copyOf(MADE)).hasSize(4);
        assertThat(Set.copyOf(Forked.BOOTS)).as("boots").hasSize(1);
    }

    @Test
    void bootsEachGuest_whenTheRunWantsNoForks() {
        Forked.BOOTS.clear();

        assertAllSucceed(run(Forked.class, "microvm.junit.fork", "false"), 2);

        assertThat(Set.copyOf(Forked.BOOTS)).as("boots").hasSize(2);
    }

    @MicroVms(guest = TestGuests.class)
    static final class Described {
        @Guest
        @SuppressWarnings("NullAway.Init") // set by the extension
        private GuestVm field;

        private final GuestVm ofConstructor;

        Described(@Guest GuestVm guest) {
            ofConstructor = guest;
        }

        @Test
        void hasThreeGuests(@Guest GuestVm parameter) {
            assertThat(Stream.of(field, ofConstructor, parameter).map(MicroVmsTest::remember))
                    .doesNotHaveDuplicates();
            assertThat(parameter.exec("uname").stdout()).isEqualTo("Linux\n");
        }
    }

    @Test
    void givesParametersAndEmptyFields_theGuestOfTheProvider() {
        assertAllSucceed(run(Described.class), 1);
        assertThat(MADE).hasSize(3);
    }

    @MicroVms
    static final class Undescribed {
        @Test
        void getsTheGuestOfTheRun(@Guest GuestVm guest) {
            remember(guest);
        }
    }

    @Test
    void givesTheGuestOfTheRun_whenTheClassNamesNone() {
        assertAllSucceed(run(Undescribed.class, GuestProvider.PARAMETER, TestGuests.class.getName()), 1);
    }

    @MicroVms
    static final class Serves {
        static final Queue<String> LINES = new ConcurrentLinkedQueue<>();

        @TempDir
        private static Path folder;

        @Guest
        private static final GuestVm web = TestGuests.busybox()
                .withCommand(
                        Command.shell("echo serving; mkdir -p /www; echo hello > /www/a; exec httpd -f -p 80 -h /www"))
                .withExposedPorts(80)
                .withLogConsumer(LINES::add)
                .waitingFor(WaitFor.http(80, "/a", 200));

        @Test
        void hasPortsFilesAndALog() throws Exception {
            remember(web);
            assertThat(get("http://%s:%d/a".formatted(web.host(), web.mappedPort(80))))
                    .isEqualTo("hello\n");
            Files.writeString(web.files().getPath("/www/b"), "written");
            web.copyOut("/www/b", folder);
            assertThat(folder.resolve("b")).hasContent("written");
            web.copyIn(Files.writeString(folder.resolve("c"), "copied"), "/www");
            assertThat(web.shell("cat /www/c").stdout()).isEqualTo("copied");
        }

        static String get(String uri) throws IOException, InterruptedException {
            try (HttpClient client = HttpClient.newHttpClient()) {
                HttpRequest request = HttpRequest.newBuilder(URI.create(uri)).build();
                return client.send(request, HttpResponse.BodyHandlers.ofString())
                        .body();
            }
        }
    }

    @Test
    void forwardsPorts_movesFiles_andHandsOverTheLog() {
        Serves.LINES.clear();

        assertAllSucceed(run(Serves.class), 1);

        assertThat(Serves.LINES).contains("serving").anyMatch(line -> line.contains("agent: ready"));
    }

    @MicroVms
    static final class Fails {
        @Guest
        private static final GuestVm database =
                TestGuests.busybox().withCommand(Command.shell("echo begun; sleep 1000"));

        @Guest
        private final GuestVm client = TestGuests.busybox();

        @Test
        void afterACommand() {
            remember(database);
            remember(client);
            client.shell("echo why >&2; exit 3");
            throw new IllegalStateException("the test's own");
        }
    }

    @Test
    void addsWhatTheGuestsWereLike_whenATestFails() {
        EngineExecutionResults results = run(Fails.class);

        Throwable failure = failures(results).getFirst();
        assertThat(failure).hasMessage("the test's own");
        assertThat(failure.getSuppressed()).hasSize(2).hasOnlyElementsOfType(GuestReport.class);
        assertThat(failure.getSuppressed()[0])
                .hasMessageContaining("guest database: running")
                .hasMessageContaining("output of its command:\n  begun")
                .hasMessageContaining("agent: ready");
        assertThat(failure.getSuppressed()[1])
                .hasMessageContaining("guest client: running")
                .hasMessageContaining("vCPU 0: cr3=")
                .hasMessageContaining("rip=")
                .hasMessageMatching("(?s).*echo why.*: exit code 3, \\d+ ms\n      why.*");
        assertThat(results.allEvents().stream()
                        .filter(event -> event.getType() == EventType.REPORTING_ENTRY_PUBLISHED)
                        .map(Event::toString))
                .anyMatch(entry -> entry.contains("microvm.guest.client.describe"))
                .anyMatch(entry -> entry.contains("microvm.guest.database.console"));
    }

    @MicroVms
    static final class Ends {
        @Guest
        private static final GuestVm guest = TestGuests.busybox();

        @Test
        void byAPanic() {
            remember(guest);
            guest.shell("echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger");
        }
    }

    @Test
    void reportsHowTheGuestEnded() {
        Throwable failure = failures(run(Ends.class)).getFirst();

        assertThat(failure.getSuppressed()[0])
                .hasMessageContaining("guest guest: ended: PANIC")
                .hasMessageContaining("last commands:");
    }

    @MicroVms
    static final class NeverReady {
        @Guest
        private static final GuestVm first = TestGuests.busybox();

        @Guest
        final GuestVm broken = TestGuests.busybox()
                .withCommand(Command.shell("echo 1 > /proc/sys/kernel/sysrq; echo b > /proc/sysrq-trigger"))
                .waitingFor(WaitFor.file("/never"));

        @BeforeAll
        static void remembers() {
            remember(first);
        }

        @Test
        void never() {
            fail("ran");
        }
    }

    @Test
    void failsTheTest_andStopsTheOthers_whenAGuestDoesNotStart() {
        Throwable failure = failures(run(NeverReady.class)).getFirst();

        assertThat(failure).hasMessageContaining("waiting for the file /never");
        assertThat(failure.getSuppressed()[0]).hasMessageContaining("guest broken: ended: RESET");
    }

    /** Counts guests at a time, in a parallel run. */
    @MicroVms
    @Execution(ExecutionMode.CONCURRENT)
    static final class Crowd {
        static final AtomicInteger NOW = new AtomicInteger();
        static final AtomicInteger MOST = new AtomicInteger();

        @Guest
        private final GuestVm guest = TestGuests.busybox();

        @Test
        void one() {
            beHere();
        }

        @Test
        void two() {
            beHere();
        }

        @Test
        void three() {
            beHere();
        }

        @Test
        void four() {
            beHere();
        }

        private void beHere() {
            MOST.accumulateAndGet(NOW.incrementAndGet(), Math::max);
            remember(guest).exec("true");
            NOW.decrementAndGet();
        }
    }

    @Test
    void runsInParallel_withinTheLimitOfMemory() {
        Crowd.MOST.set(0);

        assertAllSucceed(inParallel(Crowd.class, "256"), 4);

        assertThat(Crowd.MOST).hasValueLessThanOrEqualTo(2);
        assertThat(Set.copyOf(MADE)).hasSize(4);
    }

    /** Tests that would disturb each other if they ran at the same time. */
    @MicroVms
    @Execution(ExecutionMode.CONCURRENT)
    static final class Shared {
        static final Set<Thread> IN_TEST = ConcurrentHashMap.newKeySet();

        @Guest(reset = Reset.PER_TEST)
        private static final GuestVm guest = TestGuests.busybox();

        @Test
        void one() {
            beAlone();
        }

        @Test
        void two() {
            beAlone();
        }

        private static void beAlone() {
            assertThat(IN_TEST).isEmpty();
            IN_TEST.add(Thread.currentThread());
            remember(guest).exec("true");
            IN_TEST.remove(Thread.currentThread());
        }
    }

    @Test
    void runsTestsOneAfterAnother_whenTheyShareAFieldThatIsReset() {
        assertAllSucceed(inParallel(Shared.class, "100000"), 2);
    }

    private static EngineExecutionResults inParallel(Class<?> tests, String memoryMiB) {
        return run(
                tests,
                "junit.jupiter.execution.parallel.enabled",
                "true",
                "junit.jupiter.execution.parallel.config.strategy",
                "fixed",
                "junit.jupiter.execution.parallel.config.fixed.parallelism",
                "4",
                "microvm.junit.memoryMiB",
                Objects.requireNonNull(memoryMiB));
    }
}
