package dev.microvm.model;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.console.VirtioConsole;
import dev.microvm.memory.RamBacking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The devices that a user adds to a machine.
 *
 * @param virtioVersion the version of all virtio devices
 * @param virtio devices in the order of their slots
 * @param own the user's own devices at I/O ports or memory addresses
 */
public record DevicesSpec(VirtioMmio.Version virtioVersion, List<VirtioDeviceSpec> virtio, List<BusDeviceSpec> own) {
    /** No devices. */
    public static final DevicesSpec NONE = new DevicesSpec(VirtioMmio.Version.MODERN, List.of(), List.of());

    /** The name of the virtio console's port that is the console itself, as in Linux. */
    public static final String CONSOLE_PORT = "hvc0";

    private static final Pattern DEVICE_NAME = Pattern.compile("\\P{Cntrl}{1,64}");
    private static final Pattern PORT_NAME = Pattern.compile("[A-Za-z0-9._-]{1,64}");

    /** Copies the lists. */
    public DevicesSpec {
        Objects.requireNonNull(virtioVersion, "virtioVersion");
        Objects.requireNonNull(virtio, "virtio");
        Objects.requireNonNull(own, "own");
        virtio = List.copyOf(virtio);
        own = List.copyOf(own);
    }

    /** The same with another version of the virtio registers. */
    public DevicesSpec withVirtioVersion(VirtioMmio.Version value) {
        return new DevicesSpec(value, virtio, own);
    }

    /** The same with one more virtio device, in the next slot. */
    public DevicesSpec withVirtio(VirtioDeviceSpec device) {
        Objects.requireNonNull(device, "device");
        return new DevicesSpec(virtioVersion, Lists.with(virtio, device), own);
    }

    /** The same with one more device of the user's own. */
    public DevicesSpec withOwn(BusDeviceSpec device) {
        Objects.requireNonNull(device, "device");
        return new DevicesSpec(virtioVersion, virtio, Lists.with(own, device));
    }

    /** The virtio devices of a kind. */
    <T extends VirtioDeviceSpec> List<T> all(Class<T> kind) {
        return virtio.stream().filter(kind::isInstance).map(kind::cast).toList();
    }

    /** Whether there is a virtio console. */
    public boolean hasConsole() {
        return !all(VirtioDeviceSpec.Console.class).isEmpty();
    }

    /** Returns the kernel parameters that give interfaces of the guest their address. */
    public List<String> networkParameters() {
        List<String> parameters = new ArrayList<>();
        List<VirtioDeviceSpec.Net> networks = all(VirtioDeviceSpec.Net.class);
        for (int i = 0; i < networks.size(); i++) {
            if (networks.get(i).network() instanceof NetSpec.User user) {
                user.network().kernelParameter("eth" + i).ifPresent(parameters::add);
            }
        }
        return parameters;
    }

    /** Returns what is out of range, given twice, or impossible with the machine's clock. */
    List<String> problems(MemorySpec memory, ClockSpec clock) {
        List<String> problems = new ArrayList<>();
        checkNames(problems);
        checkConsoles(problems);
        List<VirtioDeviceSpec.Vsock> vsocks = all(VirtioDeviceSpec.Vsock.class);
        once("virtioVsock", vsocks.size(), problems);
        if (!vsocks.isEmpty()) add("virtioVsock", vsocks.getLast().vsock().problems(), problems);
        List<VirtioDeviceSpec.Balloon> balloons = all(VirtioDeviceSpec.Balloon.class);
        once("virtioBalloon", balloons.size(), problems);
        if (!balloons.isEmpty()) {
            add("virtioBalloon", balloons.getLast().balloon().problems(memory.mib()), problems);
            if (memory.backing() instanceof RamBacking.PrivateOf) {
                problems.add("virtioBalloon: not with ram(%s): memory that the guest gives back would show the file's"
                                .formatted(memory.backing())
                        + " content again: leave one of the two out");
            }
        }
        checkDisks(problems);
        checkShares(problems);
        for (VirtioDeviceSpec.Net net : all(VirtioDeviceSpec.Net.class)) {
            add("virtioNet", net.network().problems(), problems);
        }
        if (networkParameters().size() > 1) {
            problems.add("virtioNet: kernelIp: a kernel sets one interface up: leave it to one of the networks");
        }
        if (!clock.isHosts()) checkWithoutHostsClock(clock, problems);
        return problems;
    }

    /** The guest mounts a share by its tag. */
    private void checkShares(List<String> problems) {
        Set<String> tags = new HashSet<>();
        for (VirtioDeviceSpec.Fs each : all(VirtioDeviceSpec.Fs.class)) {
            add("virtioFs", each.share().problems(), problems);
            String tag = each.share().tag();
            if (!tags.add(tag)) {
                problems.add("virtioFs: the tag \"%s\" is already taken: choose another".formatted(tag));
            }
        }
    }

    /** Two disks cannot use one file if one of them writes it: each would not see what the other writes. */
    private void checkDisks(List<String> problems) {
        List<DiskImage> images = new ArrayList<>();
        for (VirtioDeviceSpec.Blk disk : all(VirtioDeviceSpec.Blk.class)) {
            DiskImage image = disk.disk().image();
            add("virtioBlk", disk.disk().problems(), problems);
            for (int number = 0; number < images.size(); number++) {
                Optional<Path> shared = image.fileSharedWith(images.get(number));
                if (shared.isEmpty()) continue;
                problems.add(("virtioBlk: disks %d and %d both use %s, and one of them writes it: give each its own"
                                + " image, or both readOnly() or overlay()")
                        .formatted(number, images.size(), shared.get()));
            }
            images.add(image);
        }
    }

    /** Names of own devices are part of messages, the description and saved states. */
    private void checkNames(List<String> problems) {
        Stream<String> names = Stream.concat(
                all(VirtioDeviceSpec.Own.class).stream().map(VirtioDeviceSpec.Own::name),
                own.stream().map(BusDeviceSpec::name));
        names.filter(name -> name.isBlank() || !DEVICE_NAME.matcher(name).matches())
                .forEach(name -> problems.add("deviceName: 1 to 64 printable characters, was \"%s\"".formatted(name)));
    }

    private void checkConsoles(List<String> problems) {
        List<VirtioDeviceSpec.Console> consoles = all(VirtioDeviceSpec.Console.class);
        if (consoles.isEmpty()) return;
        once("virtioConsole", consoles.size(), problems);
        List<String> ports = consoles.getLast().ports();
        if (ports.size() >= VirtioConsole.MOST_PORTS) {
            problems.add("virtioConsole: at most %d ports beside the console, were %d"
                    .formatted(VirtioConsole.MOST_PORTS - 1, ports.size()));
        }
        Set<String> names = new HashSet<>(Set.of(CONSOLE_PORT));
        for (String name : ports) {
            if (!PORT_NAME.matcher(name).matches()) {
                problems.add("virtioConsole: a port's name has 1 to 64 letters, digits, '.', '_' or '-', was \"%s\""
                        .formatted(name));
            } else if (!names.add(name)) {
                problems.add("virtioConsole: the port name \"%s\" is already taken: choose another".formatted(name));
            }
        }
    }

    /** Refuses devices that would make runs by the instruction clock differ from each other. */
    private void checkWithoutHostsClock(ClockSpec clock, List<String> problems) {
        refuse("virtioConsole", VirtioDeviceSpec.Console.class, "what the host does there", clock, problems);
        refuse("virtioNet", VirtioDeviceSpec.Net.class, "what a network brings", clock, problems);
        refuse("virtioVsock", VirtioDeviceSpec.Vsock.class, "what the host does there", clock, problems);
        refuse("virtioFs", VirtioDeviceSpec.Fs.class, "what others do in the directory", clock, problems);
        refuse("virtioBalloon", VirtioDeviceSpec.Balloon.class, "what the host asks for", clock, problems);
        if (all(VirtioDeviceSpec.Rng.class).stream().anyMatch(VirtioDeviceSpec.Rng::ofHost)) {
            problems.add(
                    "clock: %s: virtioRng() gives different bytes in each run: use virtioRng(new SplittableRandom(seed))"
                            .formatted(clock.clock()));
        }
    }

    private void refuse(
            String option,
            Class<? extends VirtioDeviceSpec> kind,
            String what,
            ClockSpec clock,
            List<String> problems) {
        if (all(kind).isEmpty()) return;
        problems.add("%s: not with clock(%s): %s comes at other times in each run: remove the device or the clock"
                .formatted(option, clock.clock(), what));
    }

    private static void once(String option, int count, List<String> problems) {
        if (count > 1) problems.add("%s: at most one per machine, was called %d times".formatted(option, count));
    }

    private static void add(String option, List<String> found, List<String> problems) {
        found.forEach(problem -> problems.add(option + ": " + problem));
    }
}
