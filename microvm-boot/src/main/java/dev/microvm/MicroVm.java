package dev.microvm;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleBuffer;
import dev.microvm.console.ConsoleChannel;
import dev.microvm.console.ConsoleEnd;
import dev.microvm.console.ConsoleInput;
import dev.microvm.console.ConsoleLink;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.virtio.HostEnd;
import dev.microvm.devices.virtio.balloon.Balloon;
import dev.microvm.devices.virtio.balloon.BalloonEnd;
import dev.microvm.devices.virtio.blk.Disk;
import dev.microvm.devices.virtio.blk.DiskEnd;
import dev.microvm.devices.virtio.net.NetEnd;
import dev.microvm.devices.virtio.vsock.VsockEnd;
import dev.microvm.devices.virtio.vsock.VsockHost;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.Timeouts;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.machine.Machine;
import dev.microvm.machine.MachineDescription;
import dev.microvm.machine.MachineLifecycle;
import dev.microvm.machine.MachinePlan;
import dev.microvm.machine.MachineSnapshot;
import dev.microvm.model.CpuSpec;
import dev.microvm.model.ExitReport;
import dev.microvm.model.MachineSpec;
import dev.microvm.snapshot.SnapshotFolder;
import java.lang.ref.Cleaner;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
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
 *
 * <p>Code of yours that the machine calls is of two kinds. What reports something may call every
 * method of the machine, {@link #close} included, and may block: actions that follow {@link
 * #onExit}, the streams of a {@link ConsoleTarget}, and {@code HostEnd.end} run on threads apart
 * from the guest's. What serves the guest runs on a thread that the guest needs: devices and their
 * factories, clocks, back ends and {@link MicroVmBuilder#firmwareLog}. It must not block; there
 * {@link #stop} works, and {@link #close}, {@link #pause}, {@link #resume}, {@link #shutDown} and
 * {@link #awaitExit} throw {@link IllegalStateException}, because they would wait for themselves.
 */
public final class MicroVm implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MicroVm.class);
    private static final Cleaner CLEANER = Cleaner.create();

    private final MachinePlan config;
    private final ConsoleBuffer consoleBuffer;
    private final ConsoleInput consoleInput;
    private final MachineLifecycle runs;

    // Guarded by this, which no thread holds while it does anything that can take long.
    private VmState state = VmState.NEW;
    private boolean starting; // a thread is in start()
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

    /** Returns the name of the hypervisor that runs the machine: {@code kvm} or {@code engine}. */
    public String hypervisor() {
        return config.hypervisor().name();
    }

    /** Returns the reason, in words, why that hypervisor was chosen. */
    public String hypervisorReason() {
        return config.choice();
    }

    /** Returns the machine's name, which is part of its threads' names. */
    public String name() {
        return config.name();
    }

    /**
     * Opens what the machine needs and starts the guest. Closes the machine if that fails, except
     * if the console cannot be opened. Meanwhile the {@link #state} is still {@link VmState#NEW},
     * and {@link #close} on another thread ends the start soon, however long it would take.
     *
     * @return this
     * @throws HypervisorException if the hypervisor cannot make the machine
     * @throws dev.microvm.boot.BootException if the kernel cannot be loaded, such as because its
     *     file has changed
     * @throws MicroVmException if the target of {@link MicroVmBuilder#serial(ConsoleTarget)} or a
     *     device cannot be opened or made, code of yours throws, the budgets of the JVM ({@link dev.microvm.limits.JvmBudgets})
     *     have no room, or the machine is closed meanwhile
     * @throws IllegalStateException if it was started before
     */
    public MicroVm start() {
        return start(false);
    }

    /**
     * The same, but the guest is {@linkplain #pause paused} before its first instruction, until
     * {@link #resume}.
     */
    public MicroVm startPaused() {
        return start(true);
    }

    private MicroVm start(boolean paused) {
        beginStart();
        log.info(
                "machine {} starts: {} MiB, {} vCPU, {}",
                name(),
                config.memorySize() >> 20,
                config.vcpus(),
                config.choice());
        ConsoleLink link = openConsole(); // first: nothing is started if it fails
        try {
            runs.onEnd(link::end);
            link.start(consoleBuffer, consoleInput); // before the guest runs, so that nothing is missed
            runs.start(paused, () -> endStart(link));
        } catch (RuntimeException | Error e) {
            setClosed();
            runs.close();
            link.close();
            if (e instanceof RuntimeException failure) throw startFailure(failure);
            throw e;
        }
        return this;
    }

    /** Returns what to throw, so that callers have one type to catch. */
    private MicroVmException startFailure(RuntimeException cause) {
        return switch (cause) {
            case MicroVmException known -> known;
            case CancellationException closed ->
                new MicroVmException("machine " + name() + " was closed or stopped while it started", closed);
            default -> new MicroVmException("machine " + name() + " cannot start: " + cause, cause);
        };
    }

    private synchronized void beginStart() {
        if (state == VmState.CLOSED) throw new IllegalStateException("machine " + name() + " is closed");
        if (state != VmState.NEW || starting) {
            throw new IllegalStateException("machine " + name() + " was started before");
        }
        starting = true;
    }

    private ConsoleLink openConsole() {
        try {
            return new ConsoleLink(config.console().open(name(), runs::stop), name());
        } catch (RuntimeException | Error e) {
            synchronized (this) {
                starting = false;
            }
            throw e;
        }
    }

    /** Before the guest runs, so that whatever it causes finds a machine that was started. */
    private synchronized void endStart(ConsoleLink link) {
        if (state == VmState.CLOSED) throw new CancellationException("closed");
        serial = link;
        cleanable = CLEANER.register(this, runs::close); // frees a machine that nobody closed
        console = new Console(this, consoleBuffer, consoleInput);
        state = VmState.RUNNING;
        starting = false;
    }

    private synchronized void setClosed() {
        state = VmState.CLOSED;
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
        Objects.requireNonNull(portName, "portName");
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
     * Returns the host's end of a network device of the guest: its cable and its limits.
     *
     * @param index number of the device in the order of {@link MicroVmBuilder#virtioNet}, from 0
     * @throws IllegalArgumentException if the machine has no such device
     */
    public NetEnd network(int index) {
        return numbered(NetEnd.class, index, "network devices", "virtioNet");
    }

    /**
     * Returns the host's end of a disk of the guest: the limit of its rate.
     *
     * @param index number of the disk in the order of {@link MicroVmBuilder#virtioBlk}, from 0
     * @throws IllegalArgumentException if the machine has no such disk
     */
    public Disk disk(int index) {
        return numbered(DiskEnd.class, index, "disks", "virtioBlk").disk();
    }

    private <T extends HostEnd> T numbered(Class<T> kind, int index, String what, String option) {
        List<T> ends = config.hostEnds().stream()
                .filter(kind::isInstance)
                .map(kind::cast)
                .toList();
        if (index < 0 || index >= ends.size()) {
            throw new IllegalArgumentException("machine %s has %d %s, %d was asked for: see %s"
                    .formatted(name(), ends.size(), what, index, option));
        }
        return ends.get(index);
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
     * Completes when the guest has ended and will not start again. The actions that depend on it
     * may call any method, such as {@code vm.onExit().thenRun(vm::close)}, may block, and may fail:
     * they run on a daemon thread of their own, one for each call of this method, or, if the guest
     * has ended already, on the thread that adds them.
     */
    public CompletionStage<ExitReport> onExit() {
        return runs.onExit();
    }

    /**
     * Waits for the guest to end.
     *
     * @throws AwaitTimeoutException if it does not end within {@code timeout}; the guest continues
     * @throws IllegalArgumentException if {@code timeout} is negative
     * @throws MicroVmException if the calling thread is interrupted
     * @throws IllegalStateException if the machine was not started, or on a thread of its own, that
     *     is, in a device
     */
    public ExitReport awaitExit(Duration timeout) {
        long nanos = Timeouts.nanos("timeout", timeout);
        requireStarted();
        if (exitReport().isEmpty()) refuseOwnThread("wait for its end");
        try {
            return runs.report().get(nanos, TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new AwaitTimeoutException(name() + " did not end within " + timeout.toMillis() + " ms"
                    + runs.whyItMayNeverEnd() + limit() + console().tail());
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
     * @return what the guest is like while it is paused: its registers and memory
     * @throws MicroVmException if a vCPU or a device does not stop within some seconds, because it
     *     waits for the host; the guest then continues to run
     * @throws IllegalStateException if the machine was not started or has ended, or on a thread of
     *     its own, that is, in a device
     */
    public PausedMachine pause() {
        requireOpen("pause");
        return new PausedMachine(runs, runs.pause());
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
        Objects.requireNonNull(clock, "clock");
        requireOpen("resume");
        runs.resume(clock);
    }

    /**
     * Writes the machine into a new folder, from which {@link Snapshot#restore} starts others that
     * continue where this one is now. Pauses the guest meanwhile, unless it is paused; if its RAM is
     * {@linkplain dev.microvm.memory.RamBacking#forkable forkable}, for a moment only. To end the
     * machine with its snapshot, pause it before and close it after.
     *
     * <p>The folder appears when it is complete. It holds all that is in the guest's memory, secrets
     * included, and only this user can read it. Disks are not in it, apart from what an {@link
     * dev.microvm.backend.disk.DiskImage#overlay overlay} holds: see docs/snapshots.md.
     *
     * @param folder must not exist, or be empty
     * @throws dev.microvm.model.SnapshotException if the folder cannot be written; then nothing
     *     is left of it, and the guest continues
     * @throws MicroVmException as {@link #pause}, or because a part cannot be saved, such as the
     *     interrupt controllers of {@code irqchip(KERNEL)}
     * @throws IllegalStateException if the machine was not started or has ended, or on a thread of
     *     its own, that is, in a device
     */
    public Snapshot snapshot(Path folder) {
        Objects.requireNonNull(folder, "folder");
        requireOpen("take a snapshot of");
        return new Snapshot(runs.whilePaused("take a snapshot of", machine -> MachineSnapshot.take(machine, folder))
                .get());
    }

    /**
     * Writes the machine into a new folder as {@link #snapshot} does, but of its RAM only the pages
     * that differ from another snapshot, the base: so it takes little time and room if little has
     * changed since. The base must stay where it is, or be moved together with this one if both are
     * in the same folder. {@link Snapshot#merge} makes a snapshot that needs none.
     *
     * <p>Pages are compared, so the base may be any snapshot of a machine with as much RAM: the one
     * that this machine continues from, an earlier one of this machine, or one with a base itself.
     * On Linux, if this machine continues from the base or from what that stands on, only pages that
     * the guest has written since are read.
     *
     * @param base what the new one stands on
     * @param folder must not exist, or be empty
     * @throws dev.microvm.model.SnapshotException as {@link #snapshot}, or because the base has
     *     more or less RAM, cannot be read, or stands on more than a hundred others
     * @throws MicroVmException as {@link #snapshot}
     * @throws IllegalStateException as {@link #snapshot}
     */
    public Snapshot snapshotDiff(Snapshot base, Path folder) {
        Objects.requireNonNull(base, "base");
        Objects.requireNonNull(folder, "folder");
        requireOpen("take a snapshot of");
        SnapshotFolder below = base.content();
        return runs.whilePaused(
                "take a snapshot of",
                machine -> new Snapshot(SnapshotFolder.writeDiff(
                        machine.state(), machine.ram(), below, machine.pagesUnlike(below.memory()), folder)));
    }

    /**
     * Takes this moment of the machine, for any number of machines that continue where this one is
     * now and share with it the memory that neither writes; without a folder. Pauses the guest for a
     * moment, unless it is paused. The first fork of a machine copies its RAM, unless that is {@link
     * dev.microvm.memory.RamBacking#forkable}; later forks copy what the guest has written since,
     * and so do forks of forks.
     *
     * <p>The machines do not see what the others write. This machine keeps its disks, whose images
     * it locks: give it an {@link dev.microvm.backend.disk.DiskImage#overlay overlay}, or the others
     * an image of their own by {@link RestoreBuilder#disk}.
     *
     * @return the moment, which the caller closes
     * @throws MicroVmException as {@link #snapshot}, or because the host is not Linux on x86-64
     * @throws IllegalStateException if the machine was not started or has ended, or on a thread of
     *     its own, that is, in a device
     */
    public Fork fork() {
        requireOpen("fork");
        return runs.whilePaused("fork", machine -> new Fork(machine.state(), machine.fork(), config.selected()));
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
     * Adds an action for each time that the guest starts again. It runs after that, on a daemon
     * thread of its own, and may call any method.
     */
    public void onRestart(Runnable action) {
        Objects.requireNonNull(action, "action");
        runs.onRestart(action);
    }

    /** Returns how much of a host CPU each vCPU may use, in percent; 100 is no limit. */
    public int cpuShare() {
        return runs.cpuShare();
    }

    /**
     * Limits each vCPU to a share of a host CPU, also before the start: its thread uses that much CPU
     * time at most, in devices too, within 5 % of it over a second. The guest's time passes
     * meanwhile. Threads of disks, networks and the JVM itself are not limited.
     *
     * @param percent 1 to 100; 100 is no limit
     * @throws IllegalArgumentException if it is out of range
     */
    public void cpuShare(int percent) {
        List<String> problems = CpuSpec.DEFAULT.withShare(percent).problems();
        if (!problems.isEmpty()) throw new IllegalArgumentException(problems.getFirst());
        runs.cpuShare(percent);
    }

    /**
     * Returns whether the guest has halted for good and the machine stays: see {@link
     * MicroVmBuilder#onHalt}.
     */
    public boolean hasHalted() {
        return runs.hasHalted();
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
     * @throws IllegalStateException if the machine was not started, or on a thread of its own, that
     *     is, in a device
     */
    public ExitReport shutDown(Duration grace) {
        Timeouts.nanos("grace", grace); // checks it before the button is pressed
        requireStarted();
        refuseOwnThread("shut it down");
        pressPowerButton();
        try {
            return awaitExit(grace);
        } catch (AwaitTimeoutException e) {
            log.info("machine {} did not turn itself off within {} ms", name(), grace.toMillis());
            return stop();
        }
    }

    /**
     * Presses the guest's power button, and does not wait for what the guest does then: see {@link
     * #shutDown}. Does nothing if the guest has ended.
     *
     * @throws IllegalStateException if the machine was not started
     */
    public void pressPowerButton() {
        requireStarted();
        Machine pressed = runs.machine();
        VmState now = state();
        if (pressed != null && (now == VmState.RUNNING || now == VmState.PAUSED)) pressed.pressPowerButton();
    }

    /**
     * Resets the guest, as if it had reset itself: {@link MicroVmBuilder#onReset} says what follows.
     * A paused guest that is to start again does so when it is resumed.
     *
     * @throws IllegalStateException if the machine was not started or has ended
     */
    public void reset() {
        requireOpen("reset");
        runs.reset();
    }

    /** Says, for a message, that the hypervisor runs small guests only; empty if it runs all. */
    String limit() {
        return config.selected().limit().isEmpty() ? "" : "; " + config.choice();
    }

    /** Before any lock is taken, which another thread may have while it waits for this one. */
    private void refuseOwnThread(String what) {
        if (runs.ownsCurrentThread()) {
            throw new IllegalStateException(
                    "a device of machine %s cannot %s, which would wait for itself:".formatted(name(), what)
                            + " call stop() here, and anything else on a thread of your own");
        }
    }

    private synchronized void requireStarted() {
        if (console == null) throw new IllegalStateException("machine " + name() + " was not started");
    }

    /**
     * Returns the results of CPUID on a vCPU: those of the hypervisor, adapted to the machine and
     * changed as its description says.
     *
     * @param vcpu its number, from 0
     * @throws IllegalArgumentException if there is no vCPU with that number
     */
    public List<CpuidEntry> cpuid(int vcpu) {
        if (vcpu < 0 || vcpu >= config.vcpus()) {
            throw new IllegalArgumentException("vcpu: 0 to %d, was %d".formatted(config.vcpus() - 1, vcpu));
        }
        return config.cpuid(vcpu);
    }

    /**
     * Describes the machine in words: its parts, their addresses, the reason for each choice, and
     * what all machines use of the budgets of the JVM.
     */
    public String describe() {
        Machine made = runs.machine();
        return made == null ? MachineDescription.of(config, List.of()) : made.describe();
    }

    /**
     * Stops the guest and frees everything, within a bounded time, which an interrupt does not
     * shorten. A further call tries again to free what could not be freed, if anything.
     *
     * @throws IllegalStateException if called on a thread of the machine, that is, in a device
     */
    @Override
    public void close() {
        refuseOwnThread("close it");
        Cleaner.Cleanable frees;
        ConsoleLink link;
        boolean byHand;
        synchronized (this) {
            frees = cleanable;
            link = serial;
            byHand = starting || state == VmState.CLOSED; // it has no cleanable yet, or that has run
            state = VmState.CLOSED;
        }
        if (byHand) runs.close();
        else if (frees != null) frees.clean();
        else runs.closeHostEnds(); // it was never started
        if (link != null) link.close();
    }

    @Override
    public String toString() {
        return "MicroVm " + name() + " (" + state() + ")";
    }
}
