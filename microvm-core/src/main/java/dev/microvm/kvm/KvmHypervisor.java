package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Probe;
import dev.microvm.hypervisor.Probe.Support;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.linux.Errno;
import dev.microvm.linux.ErrnoException;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.LinuxHost;
import dev.microvm.linux.ThreadKick;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** KVM of Linux on x86-64. Stateless; each virtual machine opens {@code /dev/kvm} for itself. */
public final class KvmHypervisor implements Hypervisor {
    private static final String DEVICE = "/dev/kvm";

    /** What every virtual machine of ours stands on. */
    private static final List<KvmCapability> REQUIRED = List.of(
            KvmCapability.USER_MEMORY,
            KvmCapability.IMMEDIATE_EXIT,
            KvmCapability.EXT_CPUID,
            KvmCapability.MP_STATE,
            KvmCapability.VCPU_EVENTS,
            KvmCapability.DEBUGREGS,
            KvmCapability.XSAVE,
            KvmCapability.XCRS,
            KvmCapability.IRQCHIP,
            KvmCapability.SPLIT_IRQCHIP,
            KvmCapability.IRQ_ROUTING,
            KvmCapability.IRQFD,
            KvmCapability.IOEVENTFD,
            KvmCapability.SIGNAL_MSI,
            KvmCapability.SET_TSS_ADDR,
            KvmCapability.SET_IDENTITY_MAP_ADDR);

    private final String device;

    /** KVM of this host. */
    public KvmHypervisor() {
        this(DEVICE);
    }

    /** KVM behind another device file: tests give one that is missing or unreadable. */
    KvmHypervisor(String device) {
        this.device = device;
    }

    @Override
    public String name() {
        return "kvm";
    }

    @Override
    public Probe probe() {
        try (FileDescriptor kvm = open()) {
            requireUsable(kvm);
        } catch (HypervisorException e) {
            return new Probe(Support.NONE, String.valueOf(e.getMessage()), "");
        }
        KvmHost host = KvmHostFacts.ofThisHost(device);
        if (host.modules().contains(KvmHost.PVM)) {
            return new Probe(
                    Support.LIMITED,
                    "this host's KVM is kvm-pvm (no VMX or SVM): it emulates supervisor code instruction by"
                            + " instruction and cannot run an unmodified kernel",
                    "use a host with hardware virtualization");
        }
        if (!host.processor().virtualization()) {
            return new Probe(
                    Support.LIMITED,
                    "KVM cannot run an unmodified kernel at speed, because " + host.noVirtualization(),
                    "");
        }
        return Probe.full();
    }

    @Override
    public Set<Capability> capabilities(InterruptMode interruptMode) {
        Set<Capability> found = EnumSet.noneOf(Capability.class);
        try (FileDescriptor kvm = open()) {
            requireUsable(kvm);
            for (Capability capability : Capability.values()) {
                if (KvmCapability.supports(kvm, interruptMode, capability)) found.add(capability);
            }
        } catch (HypervisorException e) {
            return Set.of(); // probe() says why
        }
        return found;
    }

    @Override
    public List<CpuidEntry> supportedCpuid(GuestClock clock) {
        try (FileDescriptor kvm = open()) {
            requireUsable(kvm);
            return KvmCpuid.supported(kvm);
        } catch (HypervisorException e) {
            return List.of(); // probe() says why
        }
    }

    @Override
    public VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock) {
        if (clock instanceof GuestClock.Instructions) {
            throw new HypervisorException(
                    "clock: KVM knows the host's only, was %s: use the engine (hypervisor ENGINE)".formatted(clock));
        }
        try (FileDescriptor kvm = open()) {
            requireUsable(kvm);
            ThreadKick.prepare();
            return new KvmVirtualMachine(kvm, name, interruptMode);
        }
    }

    private FileDescriptor open() {
        if (!System.getProperty("os.name").equals("Linux")) {
            throw new HypervisorException("KVM needs Linux, and this is " + System.getProperty("os.name"));
        }
        if (!LinuxHost.isX86()) {
            throw new HypervisorException(
                    "KVM is supported here on x86-64 hosts only, and this is " + System.getProperty("os.arch"));
        }
        LinuxHost.problem().ifPresent(problem -> {
            throw new HypervisorException(problem);
        });
        try {
            return FileDescriptor.openReadWrite(device);
        } catch (ErrnoException e) {
            throw new HypervisorException(openFailure(e.errno()), e);
        }
    }

    private String openFailure(int errno) {
        KvmHost host = KvmHostFacts.ofThisHost(device);
        return switch (errno) {
            case Errno.ENOENT -> host.absent();
            case Errno.EACCES, Errno.EPERM -> host.forbidden();
            case Errno.ENODEV, Errno.ENXIO -> host.withoutDriver();
            case Errno.EISDIR -> device + " is a directory, not the device of KVM: remove it and " + host.load();
            case Errno.EMFILE -> "cannot open " + device + ": " + Errno.text(errno) + "; raise the limit (ulimit -n)";
            default -> "cannot open " + device + ": " + Errno.text(errno);
        };
    }

    private void requireUsable(FileDescriptor kvm) {
        int version;
        try {
            version = KvmRequest.GET_API_VERSION.call(kvm, 0);
        } catch (HypervisorException e) {
            throw new HypervisorException(
                    device + " is not KVM: " + e.getMessage() + "; remove it and "
                            + KvmHostFacts.ofThisHost(device).load(),
                    e);
        }
        if (version != KVM_API_VERSION) {
            throw new HypervisorException(
                    "%s speaks KVM API version %d; only version %d is known: use a kernel of 2.6.22 or later"
                            .formatted(device, version, KVM_API_VERSION));
        }
        List<String> missing = new ArrayList<>();
        for (KvmCapability capability : REQUIRED) {
            if (capability.check(kvm) == 0) missing.add(capability.toString());
        }
        if (!missing.isEmpty()) {
            throw new HypervisorException(
                    "%s lacks %s: use a newer kernel".formatted(device, String.join(", ", missing)));
        }
    }
}
