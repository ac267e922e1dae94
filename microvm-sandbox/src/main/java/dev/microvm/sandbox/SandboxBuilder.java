package dev.microvm.sandbox;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.RestoreBuilder;
import dev.microvm.Template;
import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.devices.virtio.fs.VirtioFsOptions;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.root.Changes;
import dev.microvm.sandbox.root.PreparedRoot;
import dev.microvm.sandbox.root.Root;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Describes a {@link Sandbox}. For one thread. */
public final class SandboxBuilder {
    private static final int MIN_MEMORY = 64; // MiB: a kernel and a few programs
    private static final long CID = 3; // each machine has context IDs of its own

    // Addresses of the user network, which only this machine sees: docs/network.md.
    private static final int PREFIX = 24; // bits
    private static final String NETWORK = "10.0.2.0/" + PREFIX;
    private static final String ROUTER_IP = "10.0.2.2";
    private static final String DNS_IP = "10.0.2.3";
    private static final String GUEST_IP = "10.0.2.15";

    private static final String CMDLINE = "console=ttyS0 quiet reboot=k panic=-1 cryptomgr.notests";
    private static final List<String> MODULES = List.of("virtio_mmio", "virtio_blk", "erofs", "overlay");
    private static final String VSOCK_DRIVER = "vmw_vsock_virtio_transport";
    private static final String SHARE_DRIVER = "virtiofs";
    private static final String CONSOLE_DRIVER = "virtio_console";

    private @Nullable GuestKernel kernel;
    private @Nullable Root root;
    private String name = "";
    private int memoryMiB = 256;
    private int vcpus = 1;
    private @Nullable HypervisorChoice hypervisor;
    private NetworkPolicy network = NetworkPolicy.NONE;
    private AgentTransport transport = AgentTransport.AUTO;
    private String hostname = "sandbox";
    private String writes = "50%";
    private Duration startTimeout = Duration.ofMinutes(1);
    private final Map<Path, String> copies = new LinkedHashMap<>();
    private final List<Share> shares = new ArrayList<>();
    private final List<WaitFor> waits = new ArrayList<>();
    private final List<Consumer<MicroVmBuilder>> changes = new ArrayList<>();
    private final List<String> drivers = new ArrayList<>();
    private StartListener listener = StartListener.NONE;
    private @Nullable SandboxTemplate template;

    SandboxBuilder() {}

    /**
     * Sets a kernel that has all drivers built in: virtio-mmio, vsock, and for the root block, EROFS,
     * overlay. Default: what the system property {@code microvm.sandbox.kernel} names (a file, or a
     * folder with {@code vmlinuz}, {@code modules} and {@code release}), otherwise the {@linkplain
     * dev.microvm.Kernels#bundled bundled} one.
     */
    public SandboxBuilder kernel(Path file) {
        kernel = GuestKernel.of(Objects.requireNonNull(file, "kernel"));
        return this;
    }

    /**
     * Sets a distribution's kernel, whose drivers are modules.
     *
     * @param file such as {@code /boot/vmlinuz-6.1.0-30-amd64}
     * @param moduleTree such as {@code /lib/modules/6.1.0-30-amd64}
     * @param kernelRelease what {@code uname -r} prints in the guest
     */
    public SandboxBuilder kernel(Path file, Path moduleTree, String kernelRelease) {
        kernel = new GuestKernel(
                Objects.requireNonNull(file, "file"),
                Objects.requireNonNull(moduleTree, "moduleTree"),
                Objects.requireNonNull(kernelRelease, "kernelRelease"));
        return this;
    }

    /**
     * Loads further modules of the kernel, each with what it depends on: the drivers of devices that
     * {@link #machine} adds. A kernel with all drivers built in has no use for it.
     */
    public SandboxBuilder drivers(String... names) {
        drivers.addAll(List.of(Objects.requireNonNull(names, "names")));
        return this;
    }

    /** Sets the root: a directory, an archive, an image, a disk. */
    public SandboxBuilder root(Root value) {
        root = Objects.requireNonNull(value, "root");
        return this;
    }

    /** Sets the machine's name. */
    public SandboxBuilder name(String value) {
        name = Objects.requireNonNull(value, "name");
        return this;
    }

    /**
     * Sets the machine's memory; 256 MiB if it is not set.
     *
     * @throws IllegalArgumentException if it is less than 64
     */
    public SandboxBuilder memoryMiB(int value) {
        if (value < MIN_MEMORY) throw new IllegalArgumentException("memoryMiB: 64 or more, was " + value);
        memoryMiB = value;
        return this;
    }

    /** Sets the number of vCPUs; 1 if it is not set. */
    public SandboxBuilder vcpus(int value) {
        vcpus = value;
        return this;
    }

    /** Sets what runs the machine. Default: what {@link MicroVmBuilder#hypervisor} says. */
    public SandboxBuilder hypervisor(HypervisorChoice value) {
        hypervisor = Objects.requireNonNull(value, "hypervisor");
        return this;
    }

    /** Sets what it may reach; nothing if it is not set. */
    public SandboxBuilder network(NetworkPolicy value) {
        network = Objects.requireNonNull(value, "network");
        return this;
    }

    /** Sets what the host talks with the agent over. */
    public SandboxBuilder agentOver(AgentTransport value) {
        transport = Objects.requireNonNull(value, "agentOver");
        return this;
    }

    /** Sets the guest's name; {@code sandbox} if it is not set. */
    public SandboxBuilder hostname(String value) {
        hostname = Objects.requireNonNull(value, "hostname");
        return this;
    }

    /**
     * Sets how many bytes the guest may write over its root, in MiB of the machine's memory; half of
     * the memory if it is not set. Of no meaning for changes in a file: {@link Root#changesIn(Path,
     * long)}.
     *
     * @throws IllegalArgumentException if it is less than 1
     */
    public SandboxBuilder diskMiB(int value) {
        if (value < 1) throw new IllegalArgumentException("diskMiB: 1 or more, was " + value);
        writes = value + "m";
        return this;
    }

    /** Sets how long the guest may take to start. */
    public SandboxBuilder startTimeout(Duration value) {
        startTimeout = Objects.requireNonNull(value, "startTimeout");
        return this;
    }

    /** Copies a file of the host into a folder of the guest, or all that a folder has, before the start returns. */
    public SandboxBuilder copyIn(Path from, String to) {
        copies.put(Objects.requireNonNull(from, "from"), Objects.requireNonNull(to, "to"));
        return this;
    }

    /**
     * Shares a directory of the host with the guest, which finds it in a folder and may change it.
     * Both sides see each other's changes. See {@link #share(SharedDirectory, String)}.
     */
    public SandboxBuilder share(Path directory, String to) {
        return share(SharedDirectory.of(Objects.requireNonNull(directory, "directory")), to);
    }

    /**
     * Shares a directory of the host with the guest, such as {@code
     * SharedDirectory.of(path).readOnly()}. The guest's folder is made if it is not there. A sandbox
     * with shares cannot be forked, and its machine cannot be saved.
     *
     * @param to the folder of the guest, absolute
     */
    public SandboxBuilder share(SharedDirectory directory, String to) {
        Objects.requireNonNull(directory, "directory");
        if (!Objects.requireNonNull(to, "to").startsWith("/")) {
            throw new IllegalArgumentException("share: an absolute folder of the guest, was \"" + to + "\"");
        }
        shares.add(new Share(VirtioFsOptions.of("share" + shares.size(), directory), to));
        return this;
    }

    private record Share(VirtioFsOptions options, String to) {
        void mount(Agent agent) {
            agent.mount(options.tag(), to, options.directory().isReadOnly());
        }
    }

    /** Waits for something before the start returns, within the same time. */
    public SandboxBuilder waitFor(WaitFor value) {
        waits.add(Objects.requireNonNull(value, "waitFor"));
        return this;
    }

    /** Changes the machine's description, such as by further devices. */
    public SandboxBuilder machine(Consumer<MicroVmBuilder> change) {
        changes.add(Objects.requireNonNull(change, "machine"));
        return this;
    }

    /** Sets who hears how far the start is. */
    public SandboxBuilder listener(StartListener value) {
        listener = Objects.requireNonNull(value, "listener");
        return this;
    }

    /**
     * Boots once, and lets every start continue from there: the first one, of any process, boots the
     * guest and keeps a snapshot of it in a folder. A change of the description, the kernel, the root
     * or microvm makes another snapshot; {@link #copyIn} and {@link #waitFor} are no part of it. See
     * {@link dev.microvm.Template}. Not for a root that keeps its changes in a file.
     *
     * @param folder for snapshots, made when it is needed
     */
    public SandboxBuilder template(Path folder) {
        return template(folder, "", any -> {});
    }

    /**
     * Same as {@link #template(Path)}, with what is to be done in the guest before the snapshot is
     * taken, such as to start a server or to warm up an interpreter. Commands that are to run on must
     * be {@linkplain Command#detached detached}.
     *
     * @param label says what {@code prepare} does, which is code: change it together with that
     */
    public SandboxBuilder template(Path folder, String label, Consumer<Sandbox> prepare) {
        template = new SandboxTemplate(
                Objects.requireNonNull(folder, "folder"),
                Objects.requireNonNull(label, "label"),
                Objects.requireNonNull(prepare, "prepare"));
        return this;
    }

    /**
     * Starts it, and waits until the guest's agent answers and all waits are over.
     *
     * @throws SandboxException if there is no root, what is to be copied does not exist, or the guest
     *     does not start
     * @throws dev.microvm.sandbox.root.RootException if the root cannot be made
     * @throws dev.microvm.MicroVmConfigException if the machine cannot be made, or no kernel is
     *     named and none is bundled
     */
    public Sandbox start() {
        if (root == null) throw new SandboxException("a sandbox needs a root: root(Root)");
        for (Path each : copies.keySet()) {
            if (Files.notExists(each)) {
                throw new SandboxException("copyIn: %s does not exist on the host; correct the path".formatted(each));
            }
        }
        GuestKernel chosen = kernel == null ? GuestKernel.byDefault() : kernel;
        PreparedRoot prepared = root.prepare();
        MicroVm vm = null;
        try {
            listener.rootPrepared(prepared);
            vm = template == null ? named(machine(prepared, chosen)).build() : continued(template, prepared, chosen);
            listener.machineBuilt(vm);
            vm.start();
            listener.machineStarted(vm);
            Sandbox sandbox = new Sandbox(vm, Agent.connect(vm, startTimeout), new SharedRoot(prepared));
            listener.agentAnswered(sandbox.agent());
            if (template == null) network(sandbox.agent());
            else sandbox.agent().time(Instant.now());
            settle(sandbox.agent());
            return sandbox;
        } catch (RuntimeException | Error e) {
            if (vm != null) vm.close();
            prepared.close();
            throw e;
        }
    }

    /** Describes a machine that continues from the template, which is made if it is not there. */
    private MicroVm continued(SandboxTemplate from, PreparedRoot prepared, GuestKernel chosen) {
        if (prepared.changes() == Changes.IN_FILE) {
            throw new SandboxException(
                    "template: a sandbox that continues from a snapshot keeps no changes in a file; use"
                            + " changesInMemory()");
        }
        Consumer<MicroVm> readyWhen = vm -> {
            Agent agent = Agent.connect(vm, startTimeout);
            network(agent);
            from.prepare().accept(new Sandbox(vm, agent, SharedRoot.of(prepared.config())));
        };
        RestoreBuilder builder = Template.of(from.label(), machine(prepared, chosen), readyWhen, from.folder())
                .snapshot()
                .restore();
        return (name.isEmpty() ? builder : builder.name(name)).build();
    }

    private MicroVmBuilder named(MicroVmBuilder builder) {
        return name.isEmpty() ? builder : builder.name(name);
    }

    private void network(Agent agent) {
        if (network != NetworkPolicy.OUTBOUND) return;
        agent.network("eth0", address(GUEST_IP), PREFIX, address(ROUTER_IP));
        agent.exec(Command.of("/bin/sh", "-c", "echo nameserver %s > /etc/resolv.conf".formatted(DNS_IP)));
    }

    private void settle(Agent agent) {
        shares.forEach(each -> each.mount(agent));
        copies.forEach(agent::copyIn);
        for (WaitFor each : waits) each.await(agent, startTimeout);
    }

    private static Inet4Address address(String text) {
        try {
            return (Inet4Address) InetAddress.getByName(text);
        } catch (UnknownHostException e) {
            throw new IllegalStateException(text, e);
        }
    }

    private MicroVmBuilder machine(PreparedRoot prepared, GuestKernel chosen) {
        MicroVmBuilder builder = MicroVm.builder()
                .kernel(chosen.file())
                .initrd(init(prepared, chosen).build())
                .memoryMiB(memoryMiB)
                .ram(RamBacking.forkable())
                .vcpus(vcpus)
                .cmdline(CMDLINE)
                .virtioRng();
        if (overConsole(chosen)) builder.virtioConsole(Agent.CONSOLE_PORT);
        else builder.virtioVsock(CID);
        if (hypervisor != null) builder.hypervisor(hypervisor);
        if (prepared.kind() != PreparedRoot.Kind.INITRAMFS) builder.virtioBlk(prepared.disk());
        prepared.changesDisk().ifPresent(builder::virtioBlk);
        shares.forEach(each -> builder.virtioFs(each.options()));
        if (network == NetworkPolicy.OUTBOUND) {
            builder.virtioNet(UserNetwork.builder()
                    .network(NETWORK)
                    .hostAddress(ROUTER_IP)
                    .dnsAddress(DNS_IP)
                    .guestAddress(GUEST_IP)
                    .build());
        }
        changes.forEach(change -> change.accept(builder));
        return builder;
    }

    private boolean overConsole(GuestKernel chosen) {
        return switch (transport) {
            case AUTO -> !chosen.mayHave(VSOCK_DRIVER);
            case VSOCK -> false;
            case CONSOLE -> true;
        };
    }

    private AgentInit init(PreparedRoot prepared, GuestKernel chosen) {
        AgentInit init = AgentInit.builder().hostname(hostname);
        if (chosen.modules() != null) {
            List<String> names = new ArrayList<>(MODULES);
            if (prepared.changesDisk().isPresent()) names.add("ext4");
            names.add(overConsole(chosen) ? CONSOLE_DRIVER : VSOCK_DRIVER);
            if (network != NetworkPolicy.NONE) names.add("virtio_net");
            if (!shares.isEmpty()) names.add(SHARE_DRIVER);
            names.addAll(drivers);
            init.modules(chosen.modules(), chosen.release(), names);
        }
        switch (prepared.kind()) {
            case LAYERED -> init.root("/dev/vda", "erofs");
            case DISK -> init.root("/dev/vda", "auto");
            case INITRAMFS ->
                prepared.initramfs().ifPresent(files -> init.files().base(files.toBytes()));
        }
        if (overConsole(chosen)) init.console();
        if (prepared.changesDisk().isPresent()) init.changes("/dev/vdb");
        boolean inMemory = prepared.changes() == Changes.IN_MEMORY;
        if (prepared.kind() == PreparedRoot.Kind.LAYERED && inMemory) init.overlay(writes);
        if (prepared.kind() == PreparedRoot.Kind.DISK) init.writable();
        return init;
    }
}
