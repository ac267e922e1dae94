package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.boot.testing.Held;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.HaltAction;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Calls of a machine in any order, from several threads at once. Each call returns in time or throws
 * what its documentation says; when the machine is closed, nothing is left of it.
 *
 * <p>In an ordinary build some samples are tried; with JAZZER_FUZZ=1 Jazzer looks for new ones.
 */
@Lanes.TinyGuests
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class HostApiFuzzTest {
    private static final Duration SOON = Duration.ofMillis(2);
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final int THREADS = 3;
    private static final int MOST_CALLS = 60;
    private static final List<String> GUESTS =
            List.of("spin", "exit", "kbc", "halt", "idle", "chat", "panic", "triple");

    @TempDir
    private static Path folder;

    private static boolean warm; // what the JVM keeps of a first machine is there

    static Stream<byte[]> samples() {
        return IntStream.range(0, 60).mapToObj(seed -> {
            Random random = new Random(seed);
            byte[] script = new byte[3 + random.nextInt(MOST_CALLS)];
            random.nextBytes(script);
            return script;
        });
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void calls(byte[] script) throws Exception {
        if (script.length < 3) return;
        if (!warm) live(new byte[] {1, 0, 0});
        warm = true;
        Held before = Held.now();

        live(script);

        assertThat(Held.beyond(before)).isEmpty();
    }

    /** The first two bytes describe the machine, each further one is a thread and its next call. */
    @SuppressWarnings("try") // it is closed before its state is looked at
    private static void live(byte[] script) throws InterruptedException {
        try (MicroVm vm = machine(script[0] & 0xff, script[1] & 0xff)) {
            List<List<Call>> calls = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) calls.add(new ArrayList<>());
            calls.getFirst().add(Call.START);
            for (int i = 2; i < Math.min(script.length, MOST_CALLS); i++) {
                int value = script[i] & 0xff;
                calls.get(value % THREADS).add(Call.ALL.get(value / THREADS % Call.ALL.size()));
            }
            ConcurrentLinkedQueue<Throwable> wrong = new ConcurrentLinkedQueue<>();
            List<Thread> threads = calls.stream()
                    .map(each -> Thread.ofPlatform()
                            .name("caller")
                            .daemon()
                            .start(() -> each.forEach(call -> call.tryOn(vm, wrong))))
                    .toList();
            awaitAll(threads);
            vm.close();
            assertThat(wrong).isEmpty();
            assertThat(vm.state()).isEqualTo(VmState.CLOSED);
        }
    }

    private static MicroVm machine(int guest, int options) {
        MicroVmBuilder builder = TinyKernel.on(folder, GUESTS.get(guest % GUESTS.size()))
                .name("fuzzed")
                .irqchip((options & 1) == 0 ? TestMachine.preferredIrqchip() : Irqchip.SPLIT)
                .vcpus(1 + (options >> 1 & 1))
                .onReset((options & 4) == 0 ? ResetAction.RESTART : ResetAction.END)
                .restartLimit(2, Duration.ofHours(1))
                .onHalt((options & 8) == 0 ? HaltAction.STAY : HaltAction.END);
        if ((options & 16) != 0) builder.virtioBalloon().virtioVsock(3);
        if ((options & 32) != 0) builder.virtioConsole("port");
        if ((options & 64) != 0) builder.cpuShare(10);
        return builder.build();
    }

    private static void awaitAll(List<Thread> threads) throws InterruptedException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        for (Thread thread : threads) {
            long left = Math.max(1, deadline - System.nanoTime());
            if (TimeUnit.NANOSECONDS.toMillis(left) > 0) thread.join(TimeUnit.NANOSECONDS.toMillis(left));
            if (!thread.isAlive()) continue;
            AssertionError stuck = new AssertionError("a call does not return; stacks of all threads follow");
            Thread.getAllStackTraces().forEach((each, stack) -> {
                Throwable at = new Throwable(each.getName());
                at.setStackTrace(stack);
                stuck.addSuppressed(at);
            });
            throw stuck;
        }
    }

    /** A call that a program may make at any time. */
    private enum Call {
        START,
        PAUSE,
        RESUME,
        CATCH_UP,
        STOP,
        CLOSE,
        CLOSE_ELSEWHERE,
        CLOSE_AT_THE_END,
        FAIL_AT_THE_END,
        AWAIT_EXIT,
        AWAIT_TEXT,
        TYPE,
        READ,
        SHUT_DOWN,
        INTERRUPT,
        SHARE,
        BALLOON,
        LISTEN,
        CONNECT,
        PORT,
        RESIZE,
        LOOK,
        WAIT;

        static final List<Call> ALL = List.of(values());

        /** Makes the call; what it may not throw is added to {@code wrong}. */
        void tryOn(MicroVm vm, ConcurrentLinkedQueue<Throwable> wrong) {
            try {
                makeOn(vm);
            } catch (MicroVmException | IllegalStateException | IOException | InterruptedException e) {
                // the machine is at another stage, has no such device, or the thread was interrupted
            } catch (RuntimeException | Error e) {
                wrong.add(e);
            }
        }

        private void makeOn(MicroVm vm) throws IOException, InterruptedException {
            switch (this) {
                case START -> vm.start();
                case PAUSE -> vm.pause();
                case RESUME -> vm.resume();
                case CATCH_UP -> vm.resume(ClockOnResume.CATCH_UP);
                case STOP -> vm.stop();
                case CLOSE -> vm.close();
                case CLOSE_ELSEWHERE -> Thread.ofPlatform().daemon().start(vm::close);
                case CLOSE_AT_THE_END -> vm.onExit().thenRun(vm::close);
                case FAIL_AT_THE_END ->
                    vm.onExit().thenRun(() -> {
                        throw new StackOverflowError("as asked");
                    });
                case AWAIT_EXIT -> vm.awaitExit(SOON);
                case AWAIT_TEXT -> vm.console().awaitText("tiny kernel", SOON);
                case TYPE -> vm.console().type("a");
                case READ -> {
                    try (var output = vm.console().output()) {
                        if (output.available() > 0) assertThat(output.read()).isNotNegative();
                    }
                }
                case SHUT_DOWN -> vm.shutDown(SOON);
                case INTERRUPT -> Thread.currentThread().interrupt();
                case SHARE -> vm.cpuShare(vm.cpuShare() == 100 ? 50 : 100);
                case BALLOON -> vm.balloon().targetMiB(1);
                case LISTEN -> vm.vsock().listen(1024);
                case CONNECT -> vm.vsock().connect(1024, SOON).close();
                case PORT -> {
                    if (vm.spec().devices().hasConsole()) vm.port("port").type("a");
                }
                case RESIZE -> vm.resizeConsole(80, 25);
                case LOOK ->
                    assertThat(vm.describe() + vm.exitReport() + vm + vm.hasHalted() + vm.restarts())
                            .isNotEmpty();
                case WAIT -> Thread.sleep(1);
            }
        }
    }
}
