package dev.microvm.cli.doctor;

import dev.microvm.Kernels;
import dev.microvm.cli.control.RuntimeFolder;
import dev.microvm.error.MicroVmException;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.Probe;
import dev.microvm.linux.LinuxHost;
import dev.microvm.sandbox.root.RootCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What matters of a host and of the JVM.
 *
 * @param system name, release and architecture
 * @param java version and vendor of the JVM
 * @param javaFeature the version's first number
 * @param nativeAccess what denies native access; empty if nothing does
 * @param container what this process is contained in, such as {@code docker}; empty if it is in none
 * @param hypervisors what each that is installed can run, by name
 * @param kernel the bundled kernel; empty if there is none
 * @param kernelProblem why the bundled kernel cannot be used; empty if it can, or there is none
 * @param tun whether taps can be made
 * @param runtimeFolder why there is no folder for control sockets; empty if there is one
 * @param cache where roots are kept, and whether that can be written
 * @param modules the modules of microvm that this program has
 */
record Host(
        String system,
        String java,
        int javaFeature,
        Optional<String> nativeAccess,
        String container,
        Map<String, Probe> hypervisors,
        Optional<Path> kernel,
        String kernelProblem,
        Tun tun,
        Optional<String> runtimeFolder,
        Cache cache,
        List<String> modules) {
    private static final List<String> MODULES =
            List.of("core", "devices", "engine", "boot", "sandbox", "kernel", "examples");

    /** Access to /dev/net/tun. */
    enum Tun {
        USABLE,
        FORBIDDEN,
        ABSENT
    }

    /** Where roots are kept. */
    record Cache(Path folder, boolean writable) {}

    /** Looks at this host. */
    static Host look() {
        Map<String, Probe> hypervisors = new TreeMap<>();
        Hypervisor.installed().forEach(each -> hypervisors.put(each.name(), each.probe()));
        Optional<Path> kernel = Optional.empty();
        String kernelProblem = "";
        try {
            kernel = Kernels.findBundled();
        } catch (MicroVmException e) {
            kernelProblem = String.valueOf(e.getMessage());
        }
        return new Host(
                "%s %s on %s"
                        .formatted(
                                System.getProperty("os.name"),
                                System.getProperty("os.version"),
                                System.getProperty("os.arch")),
                "%s (%s)".formatted(Runtime.version(), System.getProperty("java.vendor")),
                Runtime.version().feature(),
                LinuxHost.problem(),
                surroundings(),
                hypervisors,
                kernel,
                kernelProblem,
                tun(Path.of("/dev/net/tun")),
                RuntimeFolder.problem(),
                cache(RootCache.standard().folder()),
                MODULES.stream().filter(Host::isPresent).toList());
    }

    private static Tun tun(Path device) {
        if (!Files.exists(device)) return Tun.ABSENT;
        return Files.isReadable(device) && Files.isWritable(device) ? Tun.USABLE : Tun.FORBIDDEN;
    }

    /** The first of the folder and its parents that is there must be writable. */
    private static Cache cache(Path folder) {
        Path there = folder.toAbsolutePath();
        while (!Files.exists(there) && there.getParent() != null) there = there.getParent();
        return new Cache(folder, Files.isWritable(there));
    }

    private static String surroundings() {
        if (Files.exists(Path.of("/.dockerenv"))) return "docker";
        if (Files.exists(Path.of("/run/.containerenv"))) return "podman";
        try {
            String groups = Files.readString(Path.of("/proc/1/cgroup"));
            if (groups.contains("kubepods")) return "kubernetes";
            if (groups.contains("docker")) return "docker";
            return groups.contains("lxc") ? "lxc" : "";
        } catch (IOException e) {
            return "";
        }
    }

    /** A module has a package of its name; that of boot is the facade's. */
    private static boolean isPresent(String module) {
        String probe = switch (module) {
            case "core" -> "hypervisor/Hypervisor";
            case "devices" -> "devices/virtio/VirtioDevice";
            case "engine" -> "engine/EngineHypervisor";
            case "boot" -> "MicroVm";
            case "sandbox" -> "sandbox/Sandbox";
            case "kernel" -> "kernel/LinuxKernel";
            default -> "examples/Lessons";
        };
        boolean named = Host.class.getModule().isNamed();
        return named
                ? ModuleLayer.boot().findModule("dev.microvm." + module).isPresent()
                : Host.class.getResource("/dev/microvm/" + probe + ".class") != null;
    }
}
