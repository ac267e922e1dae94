package dev.microvm.devices;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.backend.net.user.DetourNetwork;
import dev.microvm.backend.net.user.HostForward;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.backend.net.user.UserNetworkBuilder;
import dev.microvm.clock.Timers;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.devices.virtio.balloon.Balloon;
import dev.microvm.devices.virtio.balloon.BalloonEnd;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.Disk;
import dev.microvm.devices.virtio.blk.DiskEnd;
import dev.microvm.devices.virtio.blk.VirtioBlk;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.console.ConsolePort;
import dev.microvm.devices.virtio.console.VirtioConsole;
import dev.microvm.devices.virtio.fs.FsEnd;
import dev.microvm.devices.virtio.fs.VirtioFs;
import dev.microvm.devices.virtio.fs.VirtioFsOptions;
import dev.microvm.devices.virtio.net.VirtioNet;
import dev.microvm.devices.virtio.testing.RecordingDevice;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.devices.virtio.vsock.GuestSockets;
import dev.microvm.devices.virtio.vsock.VirtioVsock;
import dev.microvm.devices.virtio.vsock.VsockChannel;
import dev.microvm.devices.virtio.vsock.VsockHost;
import dev.microvm.devices.virtio.vsock.VsockListener;
import dev.microvm.event.EventLoop;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.ApiSamples;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** A valid value of each type of this module's API. */
final class DeviceSamples {
    private DeviceSamples() {}

    static ApiSamples in(Path folder) throws IOException {
        ApiSamples samples = new ApiSamples();
        Path file = Files.write(folder.resolve("sample"), new byte[4096]);
        MemorySegment page = Arena.ofAuto().allocate(4096, 4096);
        samples.add(Path.class, file);
        samples.add(FileChannel.class, FileChannel.open(file));
        samples.add(MemorySegment.class, page);
        samples.add(GuestMemory.class, new GuestMemory(List.of(new GuestMemoryRegion(0, page, false))));
        samples.add(DeviceState.class, new DeviceState("sample", 1));
        samples.add(FwCfg.Builder.class, FwCfg.builder());
        samples.add(FwCfg.class, FwCfg.builder().build((GuestMemory) samples.of(GuestMemory.class)));
        addNetworks(samples);
        DiskImage image = DiskImage.raw(file);
        samples.add(DiskImage.class, image);
        addVirtio(samples, image);
        return samples;
    }

    private static void addNetworks(ApiSamples samples) {
        samples.add(StreamBackend.class, StreamBackend.to(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1)));
        samples.add(MacAddress.class, MacAddress.of("sample", 0));
        samples.add(HostForward.class, HostForward.tcp(1, 1));
        samples.add(UserNetworkBuilder.class, UserNetwork.builder());
        samples.add(UserNetwork.class, UserNetwork.builder().build());
        samples.add(
                DetourNetwork.class,
                new DetourNetwork(UserNetwork.builder().build(), "169.254.169.254", 80, Path.of("unused")));
    }

    private static void addVirtio(ApiSamples samples, DiskImage image) throws IOException {
        List<RecordingDevice> made = new ArrayList<>();
        VirtioDriver driver = new VirtioDriver(transport -> {
            made.add(new RecordingDevice(transport, 4));
            return made.getLast();
        });
        driver.start().queue(0).add(driver.readable((byte) 1), driver.writable(1));
        RecordingDevice device = made.getFirst();
        DescriptorChain chain = Objects.requireNonNull(device.queue().pop());
        SampleTransport transport = new SampleTransport(device.queue(), driver.memory(), driver.loop());
        samples.add(EventLoop.class, driver.loop());
        samples.add(Timers.class, driver.loop());
        samples.add(VirtioTransport.class, transport);
        samples.add(VirtioDevice.class, device);
        samples.add(VirtioDeviceFactory.class, (VirtioDeviceFactory) any -> device);
        samples.add(VirtioMmio.class, driver.mmio());
        samples.add(Virtqueue.class, device.queue());
        samples.add(DescriptorChain.class, chain);
        samples.add(GuestBuffer.class, chain.readable());
        SharedDirectory directory = SharedDirectory.of(Path.of("."));
        samples.add(SharedDirectory.class, directory);
        VirtioFsOptions share = VirtioFsOptions.of("sample", directory);
        samples.add(VirtioFsOptions.class, share);
        samples.add(VirtioFs.class, (VirtioFs) new FsEnd(share, "sample").create(transport));
        VirtioBlkOptions disk = VirtioBlkOptions.of(image);
        samples.add(VirtioBlkOptions.class, disk);
        samples.add(Disk.class, new DiskEnd(disk, "sample", false).disk());
        samples.add(VirtioBlk.class, new VirtioBlk(transport, image.open(), "", 1, null));
        samples.add(
                VirtioNet.class,
                new VirtioNet(transport, UserNetwork.builder().build(), "sample", MacAddress.of("sample", 0)));
        samples.add(Balloon.class, new BalloonEnd(VirtioBalloonOptions.DEFAULT, 16).balloon());
        VirtioConsole console =
                new VirtioConsole(transport, List.of(new VirtioConsole.Port("sample", (from, at, length) -> length)));
        samples.add(VirtioConsole.class, console);
        samples.add(ConsolePort.class, console.ports().getFirst());
        VsockHost host = new VsockHost();
        samples.add(VsockHost.class, host);
        samples.add(VsockListener.class, host.listen(2));
        samples.add(VsockChannel.class, new GuestSockets().start(4).connected(5));
        samples.add(VirtioVsock.class, new VirtioVsock(transport, 3, host));
    }

    /** The transport of a device that is made already: every queue is the one that there is. */
    private record SampleTransport(Virtqueue queue, GuestMemory memory, EventLoop loop) implements VirtioTransport {
        @Override
        public Virtqueue addQueue(int size) {
            return queue;
        }

        @Override
        public Optional<GuestMemoryRegion> addSharedMemory(int id, long size) {
            return Optional.empty();
        }

        @Override
        public boolean pausing() {
            return false;
        }

        @Override
        public void configChanged() {}
    }
}
