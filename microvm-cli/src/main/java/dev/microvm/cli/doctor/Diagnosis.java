package dev.microvm.cli.doctor;

import dev.microvm.hypervisor.Probe;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** What is to be said about a host. */
record Diagnosis(List<Finding> findings) {
    private static final int AOT_CACHES = 25; // the first Java that makes them in one step
    private static final String KVM = "kvm";
    private static final String ENGINE = "engine";

    private static final Map<String, String> IN_CONTAINER = Map.of(
            "docker", "start the container with --device /dev/kvm, and --group-add of the group of that file",
            "podman", "start the container with --device /dev/kvm and --group-add keep-groups",
            "kubernetes", "give the pod /dev/kvm by a device plugin",
            "lxc", "pass /dev/kvm to the container: lxc config device add NAME kvm unix-char path=/dev/kvm");

    static Diagnosis of(Host host) {
        List<Finding> all = new ArrayList<>();
        all.add(Finding.ok(
                "host", host.system() + (host.container().isEmpty() ? "" : ", in a container of " + host.container())));
        all.add(java(host));
        all.add(nativeAccess(host));
        all.add(kvm(host));
        all.add(engine(host));
        all.add(kernel(host));
        all.add(networks(host));
        all.add(host.runtimeFolder()
                .map(problem -> Finding.missing("control", problem, ""))
                .orElse(Finding.ok("control", "ps, exec, cp, logs and stop reach machines of this user")));
        all.add(
                host.cache().writable()
                        ? Finding.ok(
                                "cache", "roots are kept in " + host.cache().folder())
                        : Finding.missing(
                                "cache",
                                "roots cannot be kept in " + host.cache().folder(),
                                "set XDG_CACHE_HOME to a folder that can be written"));
        all.add(Finding.ok("modules", String.join(" ", host.modules())));
        return new Diagnosis(List.copyOf(all));
    }

    /** Returns whether this host runs ordinary kernels in some way. */
    static boolean runsKernels(Host host) {
        return host.hypervisors().values().stream().anyMatch(Probe::runsKernels);
    }

    private static Finding java(Host host) {
        return host.javaFeature() >= AOT_CACHES
                ? Finding.ok("java", host.java())
                : Finding.limited("java", host.java() + " runs everything", "Java 25 starts sooner, with an AOT cache");
    }

    private static Finding nativeAccess(Host host) {
        return host.nativeAccess()
                .map(problem -> Finding.missing("native", problem, ""))
                .orElse(Finding.ok("native", "functions of the host can be called"));
    }

    private static Finding kvm(Host host) {
        Probe probe = host.hypervisors().get(KVM);
        if (probe == null)
            return Finding.missing(KVM, "microvm-core is not found as a service", "merge META-INF/services");
        if (probe.runsKernels()) return Finding.ok(KVM, "runs any guest");
        String known = IN_CONTAINER.getOrDefault(host.container(), "");
        String remedy = probe.remedy().isEmpty() && !probe.usable() ? known : probe.remedy();
        return probe.usable()
                ? Finding.limited(KVM, probe.reason(), remedy)
                : Finding.missing(KVM, probe.reason(), remedy);
    }

    private static Finding engine(Host host) {
        Probe probe = host.hypervisors().get(ENGINE);
        if (probe == null) {
            return Finding.missing(ENGINE, "there is no CPU in Java", "add the artifact dev.microvm:microvm-engine");
        }
        return probe.runsKernels()
                ? Finding.ok(ENGINE, "the CPU written in Java runs any guest")
                : Finding.missing(ENGINE, probe.reason(), probe.remedy());
    }

    private static Finding kernel(Host host) {
        if (!host.kernelProblem().isEmpty()) {
            return Finding.limited(
                    "kernel", host.kernelProblem(), "let this user write its cache, or name a kernel by --kernel");
        }
        return host.kernel()
                .map(file -> Finding.ok("kernel", "bundled: " + file))
                .orElse(Finding.limited(
                        "kernel",
                        "no kernel is bundled: name one by --kernel",
                        "scripts/kernel builds one that has all drivers"));
    }

    private static Finding networks(Host host) {
        String inside = "--net user works";
        return switch (Objects.requireNonNull(host.tun())) {
            case USABLE -> Finding.ok("network", inside + ", and taps can be opened");
            case FORBIDDEN ->
                Finding.limited(
                        "network",
                        inside + "; /dev/net/tun may not be opened",
                        "for a tap that root has made for you: chmod 666 /dev/net/tun");
            case ABSENT ->
                Finding.limited(
                        "network",
                        inside + "; there is no /dev/net/tun",
                        host.container().isEmpty()
                                ? "for taps: modprobe tun"
                                : "for taps: start the container with --device /dev/net/tun --cap-add NET_ADMIN");
        };
    }
}
