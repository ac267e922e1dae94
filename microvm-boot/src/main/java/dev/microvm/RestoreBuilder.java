package dev.microvm;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.devices.virtio.vsock.VirtioVsockOptions;
import dev.microvm.machine.GuestStart;
import dev.microvm.machine.HostExtras;
import dev.microvm.machine.MachinePlan;
import dev.microvm.machine.MachinePlanner;
import dev.microvm.machine.RamImage;
import dev.microvm.machine.SelectedHypervisor;
import dev.microvm.model.ConsoleSpec;
import dev.microvm.model.DevicesSpec;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.NetSpec;
import dev.microvm.model.VirtioDeviceSpec;
import dev.microvm.snapshot.MachineState;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Describes a machine that continues from a {@link Snapshot} or a {@link Fork}: what may differ from the machine of
 * the snapshot, because the guest cannot see it. {@link #start} can be called again and again, for
 * one more machine each time. For one thread.
 *
 * <p>By default the machine has a name of its own, its console is kept in memory, its disks keep
 * what the guest writes in memory above the image of the snapshot's machine, and its socket device
 * has no Unix socket. Networks are as they were, but without their connections, so a forwarded port
 * or a tap that the first machine still has must be replaced by {@link #network}.
 */
public final class RestoreBuilder {
    private final MachineState state;
    private final RamImage memory;
    private final IntFunction<List<String>> diskProblems;
    private MachineSpec spec;
    private Consumer<MicroVmBuilder> code = builder -> {};
    private @Nullable ConsoleTarget console;
    private final Map<Integer, NetBackend> networks = new HashMap<>(); // by slot
    private final Set<Integer> ownDisks = new HashSet<>(); // by slot
    private ClockOnResume clock = ClockOnResume.CONTINUE;
    private @Nullable SelectedHypervisor selected;

    /**
     * Begins with a machine that was saved.
     *
     * @param memory its RAM
     * @param selected what runs it in this process, if the user does not name another; null if that
     *     is to be selected
     * @param diskProblems what has changed about the disk in a slot since
     */
    RestoreBuilder(
            MachineState state,
            RamImage memory,
            @Nullable SelectedHypervisor selected,
            IntFunction<List<String>> diskProblems) {
        this.state = state;
        this.memory = memory;
        this.selected = selected;
        this.diskProblems = diskProblems;
        MachineSpec saved = state.spec();
        MachineSpec unnamed = new MachineSpec(
                null,
                saved.hypervisor(),
                saved.boot(),
                saved.cpus(),
                saved.memory(),
                saved.options(),
                saved.clock(),
                new ConsoleSpec.Buffer(),
                saved.devices());
        this.spec = unnamed;
        devices(saved.devices().virtio().stream().map(RestoreBuilder::apart).toList());
    }

    /** A device that does not get into the way of the first machine's. */
    private static VirtioDeviceSpec apart(VirtioDeviceSpec device) {
        return switch (device) {
            case VirtioDeviceSpec.Blk(var disk)
            when !disk.image().isReadOnly() && disk.image().overlayLimit().isEmpty() ->
                new VirtioDeviceSpec.Blk(disk.image(disk.image().overlay()));
            case VirtioDeviceSpec.Vsock(var vsock) -> vsock(vsock, null);
            default -> device;
        };
    }

    private static VirtioDeviceSpec vsock(VirtioVsockOptions options, @Nullable Path path) {
        return new VirtioDeviceSpec.Vsock(new VirtioVsockOptions(options.cid(), path, options.connectTimeout()));
    }

    private void devices(List<VirtioDeviceSpec> virtio) {
        DevicesSpec devices = spec.devices();
        spec = spec.withDevices(new DevicesSpec(devices.virtioVersion(), virtio, devices.own()));
    }

    private void replace(int slot, VirtioDeviceSpec device) {
        List<VirtioDeviceSpec> all = new ArrayList<>(spec.devices().virtio());
        all.set(slot, device);
        devices(all);
    }

    /** Returns the slot of the device of a kind with a number, in the order of its option. */
    private int slot(Class<? extends VirtioDeviceSpec> kind, int index, String what) {
        int left = index;
        List<VirtioDeviceSpec> all = spec.devices().virtio();
        for (int slot = 0; slot < all.size(); slot++) {
            if (kind.isInstance(all.get(slot)) && left-- == 0) return slot;
        }
        throw new IllegalArgumentException(
                "the machine of the snapshot has no %s with number %d".formatted(what, index));
    }

    /** Names the machine and its threads: 1 to 40 letters, digits, {@code . _ -}. Default vm-N. */
    public RestoreBuilder name(String value) {
        spec = spec.withName(value);
        return this;
    }

    /** Sets what runs the vCPUs. Default as in the snapshot's machine. */
    public RestoreBuilder hypervisor(HypervisorChoice value) {
        spec = spec.withHypervisor(value);
        selected = null;
        return this;
    }

    /** Connects the console to the host. Default {@link ConsoleTarget#buffer}. */
    public RestoreBuilder serial(ConsoleTarget value) {
        console = Objects.requireNonNull(value, "serial");
        return this;
    }

    /**
     * Replaces the image behind a disk by one with the same content.
     *
     * @param index number of the disk in the order of {@link MicroVmBuilder#virtioBlk}, from 0
     * @throws IllegalArgumentException if there is no such disk
     */
    public RestoreBuilder disk(int index, DiskImage image) {
        Objects.requireNonNull(image, "image");
        int slot = slot(VirtioDeviceSpec.Blk.class, index, "disk");
        VirtioDeviceSpec.Blk disk =
                (VirtioDeviceSpec.Blk) spec.devices().virtio().get(slot);
        replace(slot, new VirtioDeviceSpec.Blk(disk.disk().image(image)));
        ownDisks.add(slot);
        return this;
    }

    /**
     * Replaces the network behind a network device.
     *
     * @param index number of the device in the order of {@link MicroVmBuilder#virtioNet}, from 0
     * @throws IllegalArgumentException if there is no such device
     */
    public RestoreBuilder network(int index, NetBackend network) {
        Objects.requireNonNull(network, "network");
        int slot = slot(VirtioDeviceSpec.Net.class, index, "network device");
        VirtioDeviceSpec.Net device =
                (VirtioDeviceSpec.Net) spec.devices().virtio().get(slot);
        replace(slot, new VirtioDeviceSpec.Net(NetSpec.of(network), device.options()));
        networks.put(slot, network);
        return this;
    }

    /**
     * Sets the path of the Unix socket of the socket device. Default none.
     *
     * @throws IllegalArgumentException if there is no such device
     */
    public RestoreBuilder vsockPath(Path path) {
        Objects.requireNonNull(path, "path");
        int slot = slot(VirtioDeviceSpec.Vsock.class, 0, "socket device");
        VirtioDeviceSpec.Vsock device =
                (VirtioDeviceSpec.Vsock) spec.devices().virtio().get(slot);
        replace(slot, vsock(device.vsock(), path));
        return this;
    }

    /**
     * Sets whether the guest's time continues where it was, or includes the time since the
     * snapshot. Default {@link ClockOnResume#CONTINUE}. The real-time clock shows the host's time
     * in any case, except with an instruction clock.
     */
    public RestoreBuilder clock(ClockOnResume value) {
        clock = Objects.requireNonNull(value, "clock");
        return this;
    }

    /**
     * Gives the code again that a snapshot does not hold, such as devices of your own, by the
     * options that gave it to the first machine: {@code code(to -> to.portDevice("mine", ...))}.
     */
    public RestoreBuilder code(Consumer<MicroVmBuilder> giving) {
        code = Objects.requireNonNull(giving, "giving");
        return this;
    }

    /**
     * Checks the description and opens nothing.
     *
     * @throws MicroVmConfigException with every problem found
     * @throws IllegalStateException if it continues from a {@link Fork} that is closed
     */
    public MicroVm build() {
        memory.requireOpen();
        MicroVmBuilder builder = MicroVm.builder(spec);
        if (console != null) builder.serial(console);
        code.accept(builder);
        MachineSpec whole = builder.spec();
        List<String> problems = new ArrayList<>();
        if (whole.devices().virtio().size() != spec.devices().virtio().size()
                || whole.devices().own().size() != spec.devices().own().size()) {
            problems.add("code: it adds devices that the machine of the snapshot does not have: leave them out");
        }
        for (int slot = 0; slot < spec.devices().virtio().size(); slot++) {
            if (!ownDisks.contains(slot)) {
                for (String problem : diskProblems.apply(slot)) problems.add("virtioBlk: " + problem);
            }
        }
        MachinePlanner planner = new MachinePlanner(whole, withNetworks(builder.extras()), from());
        MachinePlan plan = planner.plan();
        problems.addAll(planner.problems());
        if (plan == null || !problems.isEmpty()) throw new MicroVmConfigException(problems);
        return new MicroVm(plan);
    }

    private GuestStart.Continue from() {
        Duration since = Duration.between(state.takenAt(), Instant.now());
        boolean jumps = clock == ClockOnResume.CATCH_UP && spec.clock().isHosts() && since.isPositive();
        return new GuestStart.Continue(state, memory, jumps ? since : Duration.ZERO, selected);
    }

    private HostExtras withNetworks(HostExtras extras) {
        Map<Integer, NetBackend> all = new HashMap<>(extras.networks());
        all.putAll(networks);
        return new HostExtras(
                extras.console(),
                extras.firmwareLog(),
                extras.exitTrace(),
                extras.rtcClock(),
                extras.virtio(),
                all,
                extras.random(),
                extras.own());
    }

    /**
     * Same as {@link #build} and then {@link MicroVm#start}.
     *
     * @throws dev.microvm.model.SnapshotException if the hypervisor or a device does not take
     *     the state
     */
    public MicroVm start() {
        return build().start();
    }

    /**
     * Starts a number of such machines. None of them runs before all are there, so that the guests do
     * not keep each other's start waiting. If one fails, all of them are closed.
     *
     * @throws IllegalArgumentException if {@code count} is less than 0
     * @throws dev.microvm.model.SnapshotException if the hypervisor or a device does not take
     *     the state
     */
    public List<MicroVm> start(int count) {
        if (count < 0) throw new IllegalArgumentException("count: must not be less than 0, was " + count);
        List<MicroVm> started = new ArrayList<>(count);
        try {
            for (int i = 0; i < count; i++) started.add(build().startPaused());
            started.forEach(MicroVm::resume);
            return started;
        } catch (RuntimeException | Error e) {
            started.forEach(MicroVm::close);
            throw e;
        }
    }
}
