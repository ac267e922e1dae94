package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.event.EventLoop;
import dev.microvm.event.Signal;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.irq.IrqLine;
import dev.microvm.kvm.generated.kvm_enable_cap;
import dev.microvm.kvm.generated.kvm_ioeventfd;
import dev.microvm.kvm.generated.kvm_msi;
import dev.microvm.kvm.generated.kvm_userspace_memory_region;
import dev.microvm.linux.EpollEventLoop;
import dev.microvm.linux.EpollEventLoop.EventFdSignal;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import dev.microvm.linux.MappedMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.StampedLock;
import org.jspecify.annotations.Nullable;

/** A VM descriptor of KVM with what was made from it. */
final class KvmVirtualMachine implements VirtualMachine {
    /**
     * Where VMX keeps a page table and a task-state segment for real mode: below the 16 MiB in
     * which firmware may be mapped to end at 4 GiB, as in QEMU (target/i386/kvm/kvm.c).
     */
    private static final long IDENTITY_MAP_ADDRESS = 0xfeff_c000L;

    private static final long TSS_ADDRESS = IDENTITY_MAP_ADDRESS + 0x1000; // three pages

    private static final int SPLIT_ROUTES = 48; // GSIs of user-space IOAPICs, one a pin: two can be there

    /** A stamp that no lock gives: the machine is closed. */
    static final long CLOSED = 0;

    private final StampedLock use = new StampedLock(); // read: the descriptor is in use; write: it goes away
    private final Arena arena;
    private final FileDescriptor fd;
    private final String name;
    private final InterruptMode interruptMode;
    private final int maxVcpus;
    private final int vcpuMappingSize;
    private final List<CpuidEntry> supportedCpuid;
    private final int[] msrIndices;

    // Guarded by this.
    private final KvmRam ram;
    private final Map<Integer, GuestMemoryRegion> slots = new HashMap<>();
    private final List<KvmVcpu> vcpus = new ArrayList<>();
    private final List<KvmIrqFd> irqFds = new ArrayList<>();
    private @Nullable EventLoop eventLoop;
    private @Nullable KvmPit pit;
    private long tscKhz; // that vCPUs are to have; 0 if it is the host's choice
    private final KvmClock clock;
    private final MemorySegment msi;
    private volatile boolean closed;

    KvmVirtualMachine(FileDescriptor kvm, String name, InterruptMode interruptMode) {
        this.name = name;
        this.interruptMode = interruptMode;
        vcpuMappingSize = KvmRequest.GET_VCPU_MMAP_SIZE.call(kvm, 0);
        supportedCpuid = KvmCpuid.supported(kvm);
        msrIndices = KvmMsrs.indices(kvm);
        maxVcpus = Math.max(KvmCapability.MAX_VCPUS.check(kvm), KvmCapability.NR_VCPUS.check(kvm));
        fd = new FileDescriptor(create(kvm));
        clock = new KvmClock(fd);
        arena = Arena.ofShared(); // after all that throws by itself: only close() frees it
        msi = kvm_msi.allocate(arena);
        ram = new KvmRam(name, arena);
        try {
            configure();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static int create(FileDescriptor kvm) {
        while (true) {
            int result = Libc.ioctl(kvm.value(), KvmRequest.CREATE_VM.number(), 0);
            if (result >= 0) return result;
            if (result == -Errno.EINTR) continue; // a signal came while the kernel waited
            throw KvmRequest.CREATE_VM.failure(
                    -result,
                    switch (-result) {
                        case Errno.EMFILE -> "raise the limit on open files (ulimit -n)";
                        case Errno.ENOMEM -> "the host is out of memory";
                        case Errno.EBUSY -> "another hypervisor on this host uses the CPU's virtualization: stop it";
                        default -> "";
                    });
        }
    }

    private void configure() {
        try (Arena call = Arena.ofConfined()) {
            KvmRequest.SET_IDENTITY_MAP_ADDR.call(fd, call.allocateFrom(JAVA_LONG, IDENTITY_MAP_ADDRESS));
            KvmRequest.SET_TSS_ADDR.call(fd, TSS_ADDRESS);
            switch (interruptMode) {
                case KERNEL -> KvmRequest.CREATE_IRQCHIP.call(fd, 0);
                case SPLIT -> enable(KvmCapability.SPLIT_IRQCHIP, SPLIT_ROUTES);
                case USERSPACE -> {}
            }
            if (interruptMode != InterruptMode.USERSPACE && KvmCapability.X2APIC_API.check(fd) != 0) {
                enable(KvmCapability.X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
            }
        }
    }

    private void enable(KvmCapability capability, long argument) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment cap = kvm_enable_cap.allocate(call);
            kvm_enable_cap.cap(cap, capability.number());
            kvm_enable_cap.args(cap, 0, argument);
            KvmRequest.ENABLE_CAP.call(fd, cap);
        }
    }

    @Override
    public InterruptMode interruptMode() {
        return interruptMode;
    }

    @Override
    public synchronized boolean supports(Capability capability) {
        requireOpen();
        return KvmCapability.supports(fd, interruptMode, capability);
    }

    @Override
    public int maxVcpus() {
        return maxVcpus;
    }

    @Override
    public synchronized GuestRam ram(RamBacking backing, long size) {
        requireOpen();
        return ram.open(backing, size);
    }

    @Override
    public synchronized void map(int slot, GuestMemoryRegion region) {
        requireOpen();
        if (slots.containsKey(slot)) throw new HypervisorException("memory slot " + slot + " is in use");
        setSlot(slot, region.base(), region.size(), region.segment().address(), region.readOnly());
        slots.put(slot, region);
    }

    @Override
    public synchronized void unmap(int slot) {
        requireOpen();
        GuestMemoryRegion region = slots.remove(slot);
        if (region == null) throw new HypervisorException("memory slot " + slot + " is not in use");
        setSlot(slot, region.base(), 0, region.segment().address(), false); // size 0 deletes: api.rst 4.35
    }

    private void setSlot(int slot, long gpa, long size, long address, boolean readOnly) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment region = kvm_userspace_memory_region.allocate(call);
            kvm_userspace_memory_region.slot(region, slot);
            kvm_userspace_memory_region.flags(region, (int) (readOnly ? KVM_MEM_READONLY : 0));
            kvm_userspace_memory_region.guest_phys_addr(region, gpa);
            kvm_userspace_memory_region.memory_size(region, size);
            kvm_userspace_memory_region.userspace_addr(region, address);
            KvmRequest.SET_USER_MEMORY_REGION.call(fd, region);
        }
    }

    /**
     * The bytes that the guest has at {@code gpa}, at most {@code length}, for diagnosis; empty if
     * there is no memory.
     */
    synchronized byte[] peek(long gpa, int length) {
        for (GuestMemoryRegion region : slots.values()) {
            if (gpa >= region.base() && gpa < region.end()) {
                long offset = gpa - region.base();
                return region.segment()
                        .asSlice(offset, Math.min(length, region.size() - offset))
                        .toArray(JAVA_BYTE);
            }
        }
        return new byte[0];
    }

    @Override
    public List<CpuidEntry> supportedCpuid() {
        return supportedCpuid;
    }

    @Override
    public synchronized void tscKhz(long khz) {
        requireOpen();
        if (KvmCapability.TSC_CONTROL.check(fd) != 0) tscKhz = khz;
    }

    @Override
    public synchronized Vcpu createVcpu(int index) {
        requireOpen();
        FileDescriptor vcpuFd = new FileDescriptor(KvmRequest.CREATE_VCPU.call(fd, index));
        try {
            if (tscKhz != 0) KvmRequest.SET_TSC_KHZ.call(vcpuFd, tscKhz);
            KvmVcpu vcpu =
                    new KvmVcpu(this, index, vcpuFd, MappedMemory.shared(vcpuFd, vcpuMappingSize, arena), msrIndices);
            vcpus.add(vcpu);
            return vcpu;
        } catch (RuntimeException e) {
            vcpuFd.close();
            throw e;
        }
    }

    @Override
    public synchronized void createPit() {
        requireOpen();
        pit = new KvmPit(fd);
    }

    @Override
    public synchronized void routes(List<IrqRoute> routes) {
        if (closed) return;
        try (Arena call = Arena.ofConfined()) {
            KvmRequest.SET_GSI_ROUTING.call(fd, KvmRoutes.encode(routes, call));
        }
    }

    @Override
    public synchronized IrqLine irqLine(int gsi) {
        requireOpen();
        return new KvmIrqLine(this, fd, gsi, arena);
    }

    @Override
    public synchronized IrqLine edgeLine(int gsi) {
        requireOpen();
        KvmIrqFd line = new KvmIrqFd(fd, gsi);
        irqFds.add(line);
        return line;
    }

    @Override
    public synchronized long clockNanos() {
        requireOpen();
        return clock.nanos();
    }

    @Override
    public synchronized void clockNanos(long nanos) {
        requireOpen();
        clock.nanos(nanos);
    }

    @Override
    public synchronized void signalMsi(long address, int data) {
        if (closed) return;
        kvm_msi.address_lo(msi, (int) address);
        kvm_msi.address_hi(msi, (int) (address >>> 32));
        kvm_msi.data(msi, data);
        int result = Libc.ioctl(fd.value(), KvmRequest.SIGNAL_MSI.number(), msi);
        // The guest chose the message: one that no APIC takes or KVM does not understand is lost, as on a bus.
        boolean lost = interruptMode != InterruptMode.USERSPACE && (result == -Errno.EPERM || result == -Errno.EINVAL);
        if (result < 0 && !lost) throw KvmRequest.SIGNAL_MSI.failure(-result, "");
    }

    @Override
    public synchronized Registration doorbell(Doorbell doorbell, Signal signal) {
        requireOpen();
        if (!(signal instanceof EventFdSignal target)) {
            throw new IllegalArgumentException("a KVM doorbell needs a signal of an EpollEventLoop");
        }
        setDoorbell(doorbell, target, 0);
        AtomicBoolean open = new AtomicBoolean(true);
        return () -> {
            synchronized (this) {
                if (!open.getAndSet(false) || closed) return;
                setDoorbell(doorbell, target, KVM_IOEVENTFD_FLAG_DEASSIGN);
            }
        };
    }

    private void setDoorbell(Doorbell doorbell, EventFdSignal target, int extraFlags) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment request = kvm_ioeventfd.allocate(call);
            int flags = extraFlags;
            if (doorbell.port()) flags |= KVM_IOEVENTFD_FLAG_PIO;
            if (doorbell.match().isPresent()) {
                flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
                kvm_ioeventfd.datamatch(request, doorbell.match().getAsLong());
            }
            kvm_ioeventfd.addr(request, doorbell.address());
            kvm_ioeventfd.len(request, doorbell.size());
            kvm_ioeventfd.fd(request, target.eventFd().descriptor());
            kvm_ioeventfd.flags(request, flags);
            KvmRequest.IOEVENTFD.call(fd, request);
        }
    }

    /**
     * Begins a use of the machine's descriptor that may race with {@link #close}.
     *
     * @return what to give to {@link #leave}, or {@link #CLOSED}: then the descriptor must not be
     *     used
     */
    long enter() {
        long stamp = use.readLock();
        if (!closed) return stamp;
        use.unlockRead(stamp);
        return CLOSED;
    }

    /** Ends a use that {@link #enter} began. */
    void leave(long stamp) {
        use.unlockRead(stamp);
    }

    private void requireOpen() {
        if (closed) throw new IllegalStateException(this + " is closed");
    }

    @Override
    public synchronized void close() {
        if (closed) return;
        vcpus.forEach(KvmVcpu::close); // refuses while one runs: then nothing is closed, and a later call may
        long stamp = use.writeLock(); // waits for calls that are under way; later ones find the machine closed
        closed = true;
        use.unlockWrite(stamp);
        irqFds.forEach(KvmIrqFd::close);
        fd.close();
        arena.close();
        ram.close();
    }

    @Override
    public synchronized EventLoop eventLoop() {
        requireOpen();
        if (eventLoop == null) {
            eventLoop = new EpollEventLoop("microvm-" + name + "-io");
            if (clock.isPaused()) eventLoop.pauseClock();
        }
        return eventLoop;
    }

    @Override
    public synchronized void pauseClock() {
        if (closed) return;
        clock.pause(openVcpus(), pit);
        if (eventLoop != null) eventLoop.pauseClock();
    }

    @Override
    public synchronized void resumeClock(ClockOnResume how) {
        if (closed) return;
        clock.resume(openVcpus(), pit, how, this::withoutInterrupts);
        if (eventLoop != null) eventLoop.resumeClock(how);
    }

    private List<KvmVcpu> openVcpus() {
        return vcpus.stream().filter(KvmVcpu::isOpen).toList();
    }

    /**
     * Runs an action while no wire and no message reaches a local APIC; what is sent meanwhile
     * arrives after it. The caller holds this object's lock, which keeps messages away.
     */
    private void withoutInterrupts(Runnable action) {
        long stamp = use.writeLock();
        try {
            irqFds.forEach(KvmIrqFd::detach);
            action.run();
            irqFds.forEach(KvmIrqFd::attach);
        } finally {
            use.unlockWrite(stamp);
        }
    }

    @Override
    public String toString() {
        return "KVM machine " + name;
    }
}
