package dev.microvm;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleBuffer;
import dev.microvm.console.ConsoleChannel;
import dev.microvm.console.ConsoleEnd;
import dev.microvm.console.ConsoleEnds;
import dev.microvm.console.ConsoleInput;
import dev.microvm.console.ConsoleLink;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.virtio.balloon.Balloon;
import dev.microvm.devices.virtio.balloon.BalloonEnd;
import dev.microvm.devices.virtio.vsock.VsockEnd;
import dev.microvm.devices.virtio.vsock.VsockHost;
import dev.microvm.error.MicroVmException;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.machine.Machine;
import dev.microvm.machine.MachineDescription;
import dev.microvm.machine.MachineLifecycle;
import dev.microvm.machine.MachinePlan;
import dev.microvm.model.ExitReport;
import dev.microvm.model.MachineSpec;
import java.lang.ref.Cleaner;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A virtual machine inside this Java program.
 *
 * <pre>{@code
 * try (MicroVm vm = MicroVm.builder()
 *         .kernel(Path.of("vmlinuz"))
 *         .initrd(Path.of("initrd"))
 *         .memoryMiB(256)
 *         .start()) {
 *     vm.console().awaitText("login:", Duration.ofSeconds(30));
 *     ...
 *     ExitReport report = vm.awaitExit(Duration.ofMinutes(1));
 * }
 * }</pre>
 *
 * <p>Any thread may call any method. {@link #close} frees everything that the machine holds, even
 * if the guest is busy.
 */
public final class MicroVm implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MicroVm.class);
    private static final Cleaner CLEANER = Cleaner.create();

    private final MachinePlan config;
    private final ConsoleBuffer consoleBuffer;
    private final ConsoleInput consoleInput;
    private final MachineLifecycle runs;

    // Guarded by this.
    private VmState state = VmState.NEW;
    private @Nullable Console console;
    private final Map<String, Console> ports = new HashMap<>();
    private @Nullable ConsoleLink serial;
    private Cleaner.@Nullable Cleanable cleanable;

    MicroVm(MachinePlan config) {
        this.config = config;
        if (config.consoleIsVirtio()) {
            ConsoleChannel channel = channels().getFirst();
            this.consoleBuffer = channel.buffer();
            this.consoleInput = channel.input();
        } else {
            this.consoleBuffer = new ConsoleBuffer();
            this.consoleInput = new ConsoleInput(typingRefusal(config.clock()));
        }
        this.runs = new MachineLifecycle(config, consoleBuffer, consoleInput);
    }

    /** Says why nothing may be typed into a guest with this clock; null if typing is allowed. */
    private static @Nullable String typingRefusal(GuestClock clock) {
        return clock instanceof GuestClock.Host
                ? null
                : "clock: %s: typed text would arrive at a time of the host's clock: use MicroVmBuilder.typeAt"
                        .formatted(clock);
    }

    /** The channels of the virtio console and its ports; empty if there is no such device. */
    private List<ConsoleChannel> channels() {
        return config.hostEnd(ConsoleEnd.class).map(ConsoleEnd::channels).orElse(List.of());
    }

    /** Begins the description of a machine. */
    public static MicroVmBuilder builder() {
        return new MicroVmBuilder(MachineSpec.DEFAULT);
    }

    /** Begins with the given description, such as the {@link #spec} of another machine. */
    public static MicroVmBuilder builder(MachineSpec spec) {
        return new MicroVmBuilder(spec);
    }

    /** Returns the description of this machine, as data, without what was given as code. */
    public MachineSpec spec() {
        return config.spec();
    }

    /** Returns the machine's name, which is part of its threads' names. */
    public String name() {
        return config.name();
    }

    /**
     * Opens what the machine needs and starts the guest. Closes the machine if that fails, except
     * if the console cannot be opened.
     *
     * @return this
     * @throws HypervisorException if the hypervisor cannot make the machine
     * @throws dev.microvm.boot.BootException if the kernel cannot be loaded, such as because its
     *     file has changed
     * @throws MicroVmException if the target of {@link MicroVmBuilder#serial(ConsoleTarget)} or a
     *     device cannot be opened
     * @throws IllegalStateException if it was started before
     */
    public synchronized MicroVm start() {
        if (state == VmState.CLOSED) throw new IllegalStateException("machine " + name() + " is closed");
        if (state != VmState.NEW) throw new IllegalStateException("machine " + name() + " was started before");
        log.info(
                "machine {} starts: {} MiB, {} vCPU, {}",
                name(),
                config.memorySize() >> 20,
                config.vcpus(),
                config.choice());
        ConsoleEnds ends = config.console().open(name(), runs::stop); // first: nothing is started if it fails
        ConsoleLink link = new ConsoleLink(ends, name());
        runs.onEnd(link::end);
        link.start(consoleBuffer, consoleInput); // before the guest runs, so that nothing is missed
        try {
            runs.start();
        } catch (RuntimeException | Error e) {
            state = VmState.CLOSED;
            runs.close();
            link.close();
            throw e;
        }
        serial = link;
        cleanable = CLEANER.register(this, runs::close); // frees a machine that nobody closed
        console = new Console(this, consoleBuffer, consoleInput);
        state = VmState.RUNNING;
        return this;
    }

    /** Returns the machine's state. */
    public synchronized VmState state() {
        if (state != VmState.RUNNING) return state;
        if (runs.report().isDone()) return VmState.ENDED;
        return runs.paused() ? VmState.PAUSED : VmState.RUNNING;
    }

    /**
     * Returns the guest's console: its serial port or, if it has none, its virtio console.
     *
     * @throws IllegalStateException if the machine was not started
     */
    public synchronized Console console() {
        if (console == null) throw new IllegalStateException("machine " + name() + " was not started");
        return console;
    }

    /**
     * Returns a port of the guest's virtio console.
     *
     * @param portName one given to {@link MicroVmBuilder#virtioConsole}, or {@code "hvc0"} for the
     *     console itself
     * @throws IllegalArgumentException if there is no such port
     * @throws IllegalStateException if the machine was not started
     */
    public synchronized Console port(String portName) {
        requireStarted();
        ConsoleChannel port = channels().stream()
                .filter(each -> each.name().equals(portName))
                .findAny()
                .orElseThrow(() ->
                        new IllegalArgumentException("machine %s has no port \"%s\", but %s: see virtioConsole"
                                .formatted(
                                        name(),
                                        portName,
                                        channels().stream()
                                                .map(ConsoleChannel::name)
                                                .toList())));
        return ports.computeIfAbsent(portName, key -> new Console(this, port.buffer(), port.input()));
    }

    /**
     * Returns the host's end of the guest's socket device. Call it before {@link #start} to listen
     * before the guest connects. It ends with the machine.
     *
     * @throws IllegalStateException if the machine has no such device
     */
    public VsockHost vsock() {
        return config.hostEnd(VsockEnd.class)
                .orElseThrow(() -> new IllegalStateException("machine " + name() + " has no vsock: see virtioVsock"))
                .host();
    }

    /**
     * Tells the guest the window size of its virtio console, valid until its next reset. Does
     * nothing if it has no virtio console.
     *
     * @param columns 1 to 65535
     * @param rows 1 to 65535
     * @throws IllegalArgumentException if one of them is out of range
     * @throws IllegalStateException if the machine was not started
     */
    public void resizeConsole(int columns, int rows) {
        if (columns < 1 || columns > 0xffff || rows < 1 || rows > 0xffff) {
            throw new IllegalArgumentException("columns and rows: 1 to 65535, were %d and %d".formatted(columns, rows));
        }
        requireStarted();
        Machine running = runs.machine();
        if (running != null) running.resizeConsole(columns, rows);
    }

    /**
     * Returns the host's end of the guest's memory balloon.
     *
     * @throws IllegalStateException if the machine has none
     */
    public Balloon balloon() {
        return config.hostEnd(BalloonEnd.class)
                .orElseThrow(() -> new IllegalStateException(
                        "machine " + name() + " has no balloon: see MicroVmBuilder.virtioBalloon"))
                .balloon();
    }

    /** Returns how the guest ended; empty if it has not. */
    public Optional<ExitReport> exitReport() {
        return Optional.ofNullable(runs.report().getNow(null));
    }

    /**
     * Completes when the guest ends, on the thread that noticed it, often a vCPU's. Dependent
     * actions must neither block nor close the machine: use the {@code ...Async} methods for that.
     */
    public CompletionStage<ExitReport> onExit() {
        return runs.report().minimalCompletionStage();
    }

    /**
     * Waits for the guest to end.
     *
     * @throws AwaitTimeoutException if it does not end within {@code timeout}; the guest continues
     * @throws MicroVmException if the calling thread is interrupted
     * @throws IllegalStateException if the machine was not started
     */
    public ExitReport awaitExit(Duration timeout) {
        requireStarted();
        try {
            return runs.report().get(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new AwaitTimeoutException(name() + " did not end within " + timeout.toMillis() + " ms" + limit()
                    + console().tail());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MicroVmException("interrupted while waiting for " + name() + " to end", e);
        } catch (ExecutionException e) {
            throw new AssertionError("the report never fails", e);
        }
    }

    /**
     * Pauses the guest: stops its vCPUs between two instructions, lets its virtio devices complete
     * the requests that they are serving, and stops its time. The guest does not notice: when it is
     * {@linkplain #resume resumed}, not even its real-time clock shows that time has passed. Does
     * nothing if the guest is paused already.
     *
     * <p>What the host does meanwhile waits for the guest: text for its consoles, connections and
     * data of {@link #vsock}, the target of {@link #balloon}, the power button, and frames from a
     * network, of which some may be dropped. Time-outs on the host continue to run, such as those
     * of {@link #awaitExit} and {@link Console#awaitText}, and peers of the guest's network
     * connections may give up. {@link #stop} and {@link #close} end a paused guest. A guest that
     * has just reset itself, and is to start again by {@link MicroVmBuilder#onReset}, does so when
     * it is resumed.
     *
     * @throws MicroVmException if a vCPU or a device does not stop within some seconds, because it
     *     waits for the host; the guest then continues to run
     * @throws IllegalStateException if the machine was not started or has ended, or on a thread of
     *     its own, that is, in a device
     */
    public void pause() {
        requireOpen("pause");
        runs.pause();
    }

    /**
     * Lets a paused guest continue as if no time had passed: {@link #resume(ClockOnResume)} with
     * {@link ClockOnResume#CONTINUE}.
     */
    public void resume() {
        resume(ClockOnResume.CONTINUE);
    }

    /**
     * Lets a paused guest continue; does nothing if it is not paused.
     *
     * @param clock whether its time, that of the real-time clock included, stood still or catches
     *     up with the host's
     * @throws IllegalStateException if the machine was not started or has ended
     */
    public void resume(ClockOnResume clock) {
        requireOpen("resume");
        runs.resume(clock);
    }

    private synchronized void requireOpen(String what) {
        requireStarted();
        if (state == VmState.CLOSED) {
            throw new IllegalStateException("cannot %s machine %s, which is closed".formatted(what, name()));
        }
    }

    /**
     * Returns how often the guest was restarted after a reset: see {@link MicroVmBuilder#onReset}.
     */
    public int restarts() {
        return runs.restarts();
    }

    /**
     * Stops the guest at once; its console can still be read. Does nothing if it has ended.
     *
     * @return how it ended
     * @throws IllegalStateException if the machine was not started
     */
    public ExitReport stop() {
        requireStarted();
        runs.stop();
        return runs.report().join();
    }

    /**
     * Presses the guest's power button and waits until it turns itself off. Stops it if it does not
     * within {@code grace}. The guest needs ACPI and a program that handles the button; a
     * paused guest sees it when it is resumed.
     *
     * @param grace how long to wait
     * @return how it ended: {@link ExitReport.Reason#POWER_OFF}, or {@link
     *     ExitReport.Reason#STOPPED}
     * @throws IllegalStateException if the machine was not started
     */
    public ExitReport shutDown(Duration grace) {
        requireStarted();
        Machine pressed = runs.machine();
        VmState now = state();
        if (pressed != null && (now == VmState.RUNNING || now == VmState.PAUSED)) pressed.pressPowerButton();
        try {
            return awaitExit(grace);
        } catch (AwaitTimeoutException e) {
            log.info("machine {} did not turn itself off within {} ms", name(), grace.toMillis());
            return stop();
        }
    }

    /** Says, for a message, that the hypervisor runs small guests only; empty if it runs all. */
    String limit() {
        return config.selected().limit().isEmpty() ? "" : "; " + config.choice();
    }

    private synchronized void requireStarted() {
        if (console == null) throw new IllegalStateException("machine " + name() + " was not started");
    }

    /**
     * Returns the results of CPUID on a vCPU: those of the hypervisor, adapted to the machine and
     * changed as its description says.
     *
     * @param vcpu its number, from 0
     * @throws IndexOutOfBoundsException if there is no vCPU with that number
     */
    public List<CpuidEntry> cpuid(int vcpu) {
        return config.cpuid(Objects.checkIndex(vcpu, config.vcpus()));
    }

    /**
     * Describes the machine in words: its parts, their addresses, and the reason for each choice.
     */
    public String describe() {
        Machine made = runs.machine();
        return made == null ? MachineDescription.of(config, List.of()) : made.describe();
    }

    /**
     * Stops the guest and frees everything, within a bounded time, which an interrupt does not
     * shorten. A further call tries again to free what could not be freed, if anything.
     *
     * @throws IllegalStateException if called on a thread of the machine, such as by a device
     */
    @Override
    public void close() {
        Cleaner.Cleanable frees;
        ConsoleLink link;
        boolean again;
        synchronized (this) {
            Machine machine = runs.machine();
            if (machine != null && machine.ownsCurrentThread()) {
                throw new IllegalStateException("a device of machine " + name()
                        + " cannot close it, which would wait for itself: call stop() here and close it elsewhere");
            }
            frees = cleanable;
            link = serial;
            again = state == VmState.CLOSED;
            state = VmState.CLOSED;
        }
        if (frees == null) { // it was never started
            runs.closeHostEnds();
            return;
        }
        if (again) runs.close();
        else frees.clean();
        if (link != null) link.close();
    }

    @Override
    public String toString() {
        return "MicroVm " + name() + " (" + state() + ")";
    }
}
