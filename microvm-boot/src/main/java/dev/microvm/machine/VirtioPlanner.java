package dev.microvm.machine;

import static java.util.stream.Collectors.joining;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.console.ConsoleEnd;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.balloon.BalloonEnd;
import dev.microvm.devices.virtio.blk.DiskEnd;
import dev.microvm.devices.virtio.fs.FsEnd;
import dev.microvm.devices.virtio.net.NetEnd;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.devices.virtio.vsock.VsockEnd;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.Irqchip;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.NetSpec;
import dev.microvm.model.VirtioDeviceSpec;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** Assigns a slot and a factory to each virtio device of a description. For one thread. */
final class VirtioPlanner {
    private final MachineSpec spec;
    private final HostExtras extras;
    private final String machine;
    private int networks; // so far

    VirtioPlanner(MachineSpec spec, HostExtras extras, String machine) {
        this.spec = spec;
        this.extras = extras;
        this.machine = machine;
    }

    /**
     * Returns the slots, without those of devices that cannot be made; each of these adds a
     * problem.
     */
    List<VirtioSlot> slots(OptionsPlan options, List<String> problems) {
        List<VirtioDeviceSpec> devices = spec.devices().virtio();
        boolean acpi = options.acpi().present();
        int count = Math.min(devices.size(), most(options, problems));
        List<VirtioSlot> slots = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            VirtioDeviceFactory factory = factory(number, devices.get(number), problems);
            if (factory == null) continue;
            slots.add(new VirtioSlot(
                    number,
                    devices.get(number).name(),
                    spec.devices().virtioVersion(),
                    PcLayout.virtioBase(number),
                    PcLayout.virtioGsi(number, count, acpi),
                    factory));
        }
        return slots;
    }

    /** Returns how many slots the machine has; having more devices is a problem. */
    private int most(OptionsPlan options, List<String> problems) {
        boolean second = options.acpi().present() && options.irqchip() == Irqchip.SPLIT;
        int most = second ? PcLayout.MOST_VIRTIO_SLOTS : PcLayout.VIRTIO_SLOTS;
        List<VirtioDeviceSpec> devices = spec.devices().virtio();
        if (devices.size() > most) {
            String with = " (%d with acpi(ON) and irqchip(SPLIT))".formatted(PcLayout.MOST_VIRTIO_SLOTS);
            String names = devices.stream().map(VirtioDeviceSpec::name).collect(joining(", "));
            problems.add("virtioDevice: a machine has %d slots for virtio devices%s, were %d: %s"
                    .formatted(most, second ? "" : with, devices.size(), names));
        }
        return most;
    }

    private @Nullable VirtioDeviceFactory factory(int slot, VirtioDeviceSpec device, List<String> problems) {
        return switch (device) {
            case VirtioDeviceSpec.Blk blk ->
                new DiskEnd(blk.disk(), machine, spec.clock().isHosts());
            case VirtioDeviceSpec.Net net -> network(slot, net, problems);
            case VirtioDeviceSpec.Rng rng -> random(slot, rng, problems);
            case VirtioDeviceSpec.Console console -> new ConsoleEnd(console.ports());
            case VirtioDeviceSpec.Vsock vsock -> new VsockEnd(vsock.vsock(), machine);
            case VirtioDeviceSpec.Fs fs -> new FsEnd(fs.share(), machine);
            case VirtioDeviceSpec.Balloon balloon ->
                new BalloonEnd(balloon.balloon(), spec.memory().mib());
            case VirtioDeviceSpec.Own own -> {
                VirtioDeviceFactory factory = extras.virtio().get(slot);
                if (factory == null) {
                    problems.add(MachinePlanner.missingCode("virtioDevice \"%s\"".formatted(own.name())));
                }
                yield factory;
            }
        };
    }

    private @Nullable VirtioDeviceFactory network(int slot, VirtioDeviceSpec.Net net, List<String> problems) {
        int index = networks++;
        MacAddress given = net.options().address();
        MacAddress address = given == null ? MacAddress.of(machine, index) : given;
        NetBackend own = extras.networks().get(slot);
        Optional<NetBackend> backend = own == null ? open(net.network(), problems) : Optional.of(own);
        return backend.map(to -> new NetEnd(to, machine, address, net.options()))
                .orElse(null);
    }

    /** Makes the described back end; {@link NetSpec#problems} reports a bad description. */
    private static Optional<NetBackend> open(NetSpec network, List<String> problems) {
        if (!network.problems().isEmpty()) return Optional.empty();
        try {
            return switch (network) {
                case NetSpec.User user -> Optional.of(UserNetwork.of(user.network()));
                case NetSpec.Tap tap -> Optional.of(new TapBackend(tap.name()));
                case NetSpec.Stream stream -> Optional.of(StreamBackend.to(stream.peer()));
                case NetSpec.Own own -> {
                    problems.add(MachinePlanner.missingCode("virtioNet"));
                    yield Optional.empty();
                }
            };
        } catch (MicroVmException e) {
            problems.add("virtioNet: " + e.getMessage());
            return Optional.empty();
        }
    }

    private @Nullable VirtioDeviceFactory random(int slot, VirtioDeviceSpec.Rng rng, List<String> problems) {
        RandomGenerator source =
                rng.ofHost() ? new SecureRandom() : extras.random().get(slot);
        if (source == null) {
            problems.add(MachinePlanner.missingCode("virtioRng"));
            return null;
        }
        return transport -> new VirtioRng(transport, source, rng.limit());
    }
}
