package dev.microvm.cli.run;

import dev.microvm.Kernels;
import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.cli.CliException;
import dev.microvm.cli.control.MachineInfo;
import dev.microvm.devices.virtio.fs.VirtioFsOptions;
import dev.microvm.model.HypervisorChoice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options that describe a machine, whatever runs in it. */
final class MachineOptions {
    private static final String DEFAULT_CMDLINE = "console=ttyS0 reboot=k panic=-1";

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description = "Names the machine. Default: a name with this process's ID.")
    @Nullable
    String name;

    @Option(
            names = "--hypervisor",
            paramLabel = "auto|kvm|engine",
            description = "Sets what runs the machine. Default: KVM if it can, else the CPU written in Java.")
    @Nullable
    HypervisorChoice hypervisor;

    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            converter = Sizes.class,
            description = "Sets its memory, such as 512m or 2g. Default: 256m.")
    int memory = 256;

    @Option(
            names = {"--vcpus", "--cpus"},
            paramLabel = "N",
            description = "Sets the number of its CPUs. Default: 1.")
    int vcpus = 1;

    @Option(
            names = "--kernel",
            paramLabel = "FILE",
            description = "Sets the kernel: vmlinux, bzImage or Multiboot. Default: the bundled one.")
    @Nullable
    Path kernel;

    @Option(names = "--initrd", paramLabel = "FILE", description = "Sets the initial file system.")
    @Nullable
    Path initrd;

    @Option(
            names = "--firmware",
            paramLabel = "FILE",
            description = "Starts the guest by this firmware, such as qboot.rom.")
    @Nullable
    Path firmware;

    @Option(names = "--cmdline", paramLabel = "TEXT", description = "Replaces the kernel's command line.")
    @Nullable
    String cmdline;

    @Option(names = "--append", paramLabel = "TEXT", description = "Adds to the kernel's command line.")
    @Nullable
    String append;

    @Option(
            names = "--disk",
            paramLabel = "FILE[,format=raw|qcow2][,ro][,overlay]",
            converter = DiskOption.class,
            description =
                    "Adds a disk. A file .qcow2 is of that format, any other one raw. overlay keeps changes in memory.")
    List<DiskImage> disks = new ArrayList<>();

    @Option(
            names = {"--share", "-v", "--volume"},
            paramLabel = "DIR:TAG[:ro]",
            converter = ShareOption.Converter.class,
            description =
                    "Shares a directory with the guest, at /TAG or, as DIR:/FOLDER, there. A guest without --root or"
                            + " --image mounts it itself: mount -t virtiofs TAG /mnt.")
    List<ShareOption> shares = new ArrayList<>();

    @Option(
            names = {"--net", "--network"},
            paramLabel = "none|user|tap:NAME|unix:SOCKET",
            converter = NetworkOption.Converter.class,
            description = "Adds a network: inside this process (user), a tap, or passt behind a socket. Default: none.")
    List<NetworkOption> networks = new ArrayList<>();

    @Option(
            names = {"-p", "--publish"},
            paramLabel = "[[ADDRESS:]HOST:]GUEST[/udp]",
            converter = PublishedPort.Converter.class,
            description = "Leads a port of the host, by default of 127.0.0.1, to one of the guest.")
    List<PublishedPort> ports = new ArrayList<>();

    /** Returns the networks but NONE. */
    List<NetworkOption> networks() {
        return networks.stream()
                .filter(each -> each.kind() != NetworkOption.Kind.NONE)
                .toList();
    }

    /** Returns the shares, whose directories must be there. */
    List<ShareOption> shares() {
        for (ShareOption each : shares) {
            Path path = each.directory().path();
            if (Files.isDirectory(path)) continue;
            String wrong = Files.exists(path) ? " is no directory" : " does not exist";
            throw new CliException("--share: " + path + wrong, "give the path of a directory");
        }
        return shares;
    }

    /** Returns the machine's name. */
    String name() {
        if (name != null) return name;
        return Detached.name().orElse("vm-" + ProcessHandle.current().pid());
    }

    /** Says what others see of the machine. */
    MachineInfo info(String root, String command) {
        String made = root.isEmpty() ? String.valueOf(kernel == null ? "bundled kernel" : kernel) : root;
        long pid = ProcessHandle.current().pid();
        return new MachineInfo(name(), pid, "", "", memory, vcpus, Instant.now(), made, command);
    }

    /** Returns the machine of these options alone. */
    MicroVmBuilder machine() {
        requireGuest();
        MicroVmBuilder builder =
                MicroVm.builder().name(name()).memoryMiB(memory).vcpus(vcpus);
        if (hypervisor != null) builder.hypervisor(hypervisor);
        if (firmware != null) builder.firmware(file("--firmware", firmware));
        if (kernel != null) builder.kernel(file("--kernel", kernel));
        else if (firmware == null) builder.kernel(Kernels.bundled());
        if (initrd != null) builder.initrd(file("--initrd", initrd));
        if (cmdline != null || append != null) builder.cmdline(cmdline());
        disks.forEach(builder::virtioBlk);
        shares().forEach(each -> builder.virtioFs(tagged(each)));
        addNetworks(builder);
        return builder.virtioRng();
    }

    private static VirtioFsOptions tagged(ShareOption share) {
        if (share.hasTag()) return VirtioFsOptions.of(share.to(), share.directory());
        throw new CliException(
                "--share %s:%s: a guest without an agent mounts a share itself"
                        .formatted(share.directory().path(), share.to()),
                "give DIR:TAG, and mount it in the guest: mount -t virtiofs TAG " + share.to());
    }

    private void requireGuest() {
        if (kernel == null && initrd == null && firmware == null && disks.isEmpty()) {
            throw new CliException(
                    "there is nothing to run",
                    "give --image or --root for a command, or --kernel, --initrd or --disk for a guest");
        }
        boolean user = networks.stream().anyMatch(each -> each.kind() == NetworkOption.Kind.USER);
        if (!ports.isEmpty() && !user) {
            throw new CliException("-p: a guest without an agent needs a network for it", "add --net user");
        }
    }

    String cmdline() {
        String base = cmdline == null ? DEFAULT_CMDLINE : cmdline;
        return append == null ? base : base + " " + append;
    }

    private void addNetworks(MicroVmBuilder builder) {
        List<PublishedPort> left = ports; // for the first network inside this process
        for (NetworkOption each : networks()) {
            builder.virtioNet(each.backend(left));
            if (each.kind() == NetworkOption.Kind.USER) left = List.of();
        }
    }

    /** Returns a file that must be there. */
    static Path file(String option, Path file) {
        if (Files.isRegularFile(file)) return file;
        String wrong = Files.exists(file) ? " is no file" : " does not exist";
        throw new CliException(option + ": " + file + wrong, "give the path of a file");
    }
}
