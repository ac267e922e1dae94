package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.microvm.boot.testing.BusyMachine;
import dev.microvm.boot.testing.BusyMachine.Place;
import dev.microvm.boot.testing.Held;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.HaltAction;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever happens to a machine at whatever stage of its life: its release frees everything. */
@Lanes.TinyGuests
@Timeout(180)
final class ReleaseGuestTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    /** More than a release needs on a busy host, and less than any time limit within it. */
    private static final Duration RELEASE_LIMIT = Duration.ofSeconds(8);

    private static final int LIVES = 2_000;

    @TempDir
    private Path folder;

    private Path disk;

    /** A stage of a machine's life: what its guest does, and how it is brought there. */
    enum Stage {
        BUILT("spin"),
        STARTING("spin"),
        BOOTING("spin"),
        RUNNING("spin"),
        IDLE("idle"),
        HALTED("halt"),
        IN_DEVICE("x"),
        PAUSED("spin"),
        PAUSING("spin"),
        RESETTING("kbc"),
        SHUTTING_DOWN("spin"),
        ENDED("exit"),
        CLOSING("spin");

        private final String guest;

        Stage(String guest) {
            this.guest = guest;
        }

        private void reach(BusyMachine machine, List<Thread> others) throws InterruptedException {
            MicroVm vm = machine.vm();
            switch (this) {
                case BUILT -> {}
                case STARTING -> others.add(Thread.ofPlatform().start(() -> tolerate(vm::start)));
                case BOOTING -> tolerate(vm::start);
                default -> {
                    if (catchThrowable(vm::start) != null) return; // the test's code did that
                    tolerate(() -> vm.console().awaitText("tiny kernel", SOON));
                }
            }
            switch (this) {
                case IN_DEVICE -> machine.awaitInDevice();
                case PAUSED -> tolerate(vm::pause);
                case PAUSING -> others.add(Thread.ofPlatform().start(() -> tolerate(vm::pause)));
                case SHUTTING_DOWN -> others.add(Thread.ofPlatform().start(() -> tolerate(() -> vm.shutDown(SOON))));
                case ENDED -> tolerate(() -> vm.awaitExit(SOON));
                case CLOSING -> others.add(Thread.ofPlatform().start(() -> tolerate(vm::close)));
                default -> {}
            }
        }
    }

    /** What happens then: where code of the user's does what, and who closes the machine. */
    enum Event {
        CLOSE(Place.EXIT),
        CLOSE_ON_ANOTHER_THREAD(Place.EXIT),
        CLOSE_ON_AN_INTERRUPTED_THREAD(Place.EXIT),
        CLOSE_IN_A_CALLBACK(Place.EXIT),
        CLOSE_IN_A_HOST_END(Place.HOST_END),
        CLOSE_BY_THE_CONSOLES_STREAM(Place.OUTPUT),
        CLOSE_IN_A_DEVICE(Place.DEVICE),
        STOP_IN_A_DEVICE(Place.DEVICE),
        FAILURE_OF_A_CALLBACK(Place.EXIT),
        FAILURE_OF_A_HOST_END(Place.HOST_END),
        FAILURE_OF_THE_CONSOLES_STREAM(Place.OUTPUT),
        FAILURE_OF_A_FACTORY(Place.FACTORY),
        FAILURE_OF_A_DEVICE(Place.DEVICE),
        STACK_OVERFLOW_IN_A_DEVICE(Place.DEVICE),
        FAILURE_ON_THE_EVENT_LOOP(Place.TIMER),
        STACK_OVERFLOW_ON_THE_EVENT_LOOP(Place.TIMER);

        private final Place place;

        Event(Place place) {
            this.place = place;
        }

        /** What the user's code at that place does. */
        private void run(MicroVm vm) {
            switch (this) {
                case CLOSE, CLOSE_ON_ANOTHER_THREAD, CLOSE_ON_AN_INTERRUPTED_THREAD -> {}
                case CLOSE_IN_A_CALLBACK, CLOSE_IN_A_HOST_END, CLOSE_BY_THE_CONSOLES_STREAM -> vm.close();
                case CLOSE_IN_A_DEVICE -> tolerate(vm::close);
                case STOP_IN_A_DEVICE -> vm.stop();
                case FAILURE_OF_A_CALLBACK,
                        FAILURE_OF_A_HOST_END,
                        FAILURE_OF_THE_CONSOLES_STREAM,
                        FAILURE_OF_A_FACTORY,
                        FAILURE_OF_A_DEVICE,
                        FAILURE_ON_THE_EVENT_LOOP -> throw new OutOfMemoryError("as asked");
                case STACK_OVERFLOW_IN_A_DEVICE, STACK_OVERFLOW_ON_THE_EVENT_LOOP -> recurse(1);
            }
        }

        private void happen(BusyMachine machine) throws InterruptedException {
            MicroVm vm = machine.vm();
            machine.goOn();
            switch (this) {
                case CLOSE_ON_ANOTHER_THREAD ->
                    Thread.ofPlatform().start(vm::close).join();
                case CLOSE_ON_AN_INTERRUPTED_THREAD -> {
                    Thread.currentThread().interrupt();
                    vm.close();
                    assertThat(Thread.interrupted()).isTrue();
                }
                case CLOSE_IN_A_CALLBACK, CLOSE_IN_A_HOST_END, FAILURE_OF_A_CALLBACK, FAILURE_OF_A_HOST_END ->
                    tolerate(vm::stop);
                default -> {}
            }
            vm.close();
        }
    }

    static Stream<Arguments> cases() {
        return Arrays.stream(Stage.values())
                .flatMap(stage -> Arrays.stream(Event.values()).map(event -> Arguments.of(stage, event)));
    }

    @BeforeEach
    void makeDisk() throws IOException {
        disk = Files.write(folder.resolve("disk.img"), new byte[1 << 16]);
        warmUp();
    }

    /** What the JVM keeps of a first machine is there from here on. */
    private void warmUp() {
        if (warm) return;
        warm = true;
        for (Stage stage : List.of(Stage.RUNNING, Stage.ENDED)) {
            try (MicroVm vm = machine(stage, Event.CLOSE).vm()) {
                tolerate(vm::start);
            }
        }
    }

    private static boolean warm;

    private BusyMachine machine(Stage stage, Event event) {
        MicroVmBuilder builder = TinyKernel.on(folder, stage.guest)
                .name("released")
                .onHalt(HaltAction.STAY)
                .onReset(stage == Stage.RESETTING ? ResetAction.RESTART : ResetAction.END);
        return new BusyMachine(builder, disk, event.place, event::run);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void freesEverything(Stage stage, Event event) throws Exception {
        Held before = Held.now();
        List<Thread> others = new ArrayList<>();
        long released;
        try (BusyMachine machine = machine(stage, event)) {
            stage.reach(machine, others);
            long start = System.nanoTime();
            event.happen(machine);
            released = System.nanoTime() - start;
            for (Thread other : others) other.join();
            machine.vm().close();
            assertThat(machine.vm().state()).isEqualTo(VmState.CLOSED);
        }
        assertThat(Duration.ofNanos(released)).isLessThan(RELEASE_LIMIT);
        assertThat(Held.beyond(before)).isEmpty();
        try (MicroVm next = machine(Stage.RUNNING, Event.CLOSE).vm()) { // the disk's lock is free
            next.start();
        }
    }

    @Test
    void holdsNothingMore_afterThousandsOfLives() throws Exception {
        Held before = Held.now();
        long heapBefore = usedHeap();
        for (int i = 0; i < LIVES; i++) {
            String guest = List.of("exit", "spin", "triple", "kbc").get(i % 4);
            MicroVm vm = TinyKernel.on(folder, guest).name("life-" + i).start();
            if (i % 4 != 1) vm.awaitExit(SOON);
            vm.close();
        }
        assertThat(Held.beyond(before)).isEmpty();
        long mib = Math.max(0, usedHeap() - heapBefore) >> 20;
        assertThat(mib).as("MiB of heap more than before").isLessThan(16);
    }

    private static long usedHeap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static void tolerate(Runnable call) {
        Throwable thrown = catchThrowable(call::run);
        if (thrown instanceof MicroVmException || thrown instanceof IllegalStateException) return;
        if (thrown != null && !(thrown instanceof OutOfMemoryError)) throw new AssertionError(thrown);
    }

    @SuppressWarnings("InfiniteRecursion")
    private static int recurse(int depth) {
        return recurse(depth + 1) + depth;
    }
}
