package dev.microvm.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.microvm.hypervisor.DebugEvent;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.VcpuFailedException;
import dev.microvm.kvm.generated.kvm_debug_exit_arch;
import dev.microvm.kvm.generated.kvm_run;
import java.lang.foreign.MemorySegment;

/**
 * The page that a vCPU shares with KVM: struct kvm_run, api.rst section 5.
 *
 * <p>The thread that runs the vCPU owns it, but for {@link #immediateExit}, which any thread may
 * set. Offsets come from the generated layout and are read as plain fields, because each exit
 * passes here.
 */
final class KvmRun {
    private static final long REQUEST_INTERRUPT_WINDOW = kvm_run.request_interrupt_window$offset();
    private static final long IMMEDIATE_EXIT = kvm_run.immediate_exit$offset();
    private static final long EXIT_REASON = kvm_run.exit_reason$offset();
    private static final long CR8 = kvm_run.cr8$offset();
    private static final long READY_FOR_INTERRUPT = kvm_run.ready_for_interrupt_injection$offset();

    private static final long IO_DIRECTION = kvm_run.io$offset() + kvm_run.io.direction$offset();
    private static final long IO_SIZE = kvm_run.io$offset() + kvm_run.io.size$offset();
    private static final long IO_PORT = kvm_run.io$offset() + kvm_run.io.port$offset();
    private static final long IO_COUNT = kvm_run.io$offset() + kvm_run.io.count$offset();
    private static final long IO_DATA_OFFSET = kvm_run.io$offset() + kvm_run.io.data_offset$offset();
    private static final int IO_OUT = 1; // KVM_EXIT_IO_OUT

    private static final long MMIO_ADDRESS = kvm_run.mmio$offset() + kvm_run.mmio.phys_addr$offset();
    private static final long MMIO_DATA = kvm_run.mmio$offset() + kvm_run.mmio.data$offset();
    private static final long MMIO_LENGTH = kvm_run.mmio$offset() + kvm_run.mmio.len$offset();
    private static final int MMIO_MAX = Long.BYTES; // of data: struct kvm_run, mmio
    private static final long MMIO_IS_WRITE = kvm_run.mmio$offset() + kvm_run.mmio.is_write$offset();

    private static final long EOI_VECTOR = kvm_run.eoi$offset() + kvm_run.eoi.vector$offset();
    private static final long DEBUG_EXCEPTION = debugField(kvm_debug_exit_arch.exception$offset());
    private static final long DEBUG_PC = debugField(kvm_debug_exit_arch.pc$offset());
    private static final long DEBUG_DR6 = debugField(kvm_debug_exit_arch.dr6$offset());
    private static final int BP_VECTOR = 3; // Intel SDM vol. 3A, table 6-1
    private static final int DR6_BREAKPOINTS = 0xF; // Intel SDM vol. 3B, figure 18-1
    private static final int DR6_BS = 1 << 14;
    private static final long HARDWARE_EXIT_REASON = kvm_run.hw$offset() + kvm_run.hw.hardware_exit_reason$offset();
    private static final long INTERNAL_SUBERROR = kvm_run.internal$offset() + kvm_run.internal.suberror$offset();
    private static final long INTERNAL_NDATA = kvm_run.internal$offset() + kvm_run.internal.ndata$offset();
    private static final long INTERNAL_DATA = kvm_run.internal$offset() + kvm_run.internal.data$offset();
    private static final int INTERNAL_DATA_MAX = 16;

    private final MemorySegment page;

    KvmRun(MemorySegment page) {
        this.page = page;
    }

    /** Makes KVM_RUN return at once, or not. */
    void immediateExit(boolean wanted) {
        page.set(JAVA_BYTE, IMMEDIATE_EXIT, (byte) (wanted ? 1 : 0));
    }

    /** Sets CR8, which KVM_RUN takes from here where KVM has no local APIC. */
    void taskPriority(long cr8) {
        page.set(JAVA_LONG_UNALIGNED, CR8, cr8);
    }

    /** Makes KVM_RUN return when the guest can take an interrupt, or not. */
    void requestInterruptWindow(boolean wanted) {
        page.set(JAVA_BYTE, REQUEST_INTERRUPT_WINDOW, (byte) (wanted ? 1 : 0));
    }

    /** Whether the window that was asked for is open, whatever the last exit was for. */
    boolean interruptWindowIsOpen() {
        return readyForInterrupt() && page.get(JAVA_BYTE, REQUEST_INTERRUPT_WINDOW) != 0;
    }

    boolean readyForInterrupt() {
        return page.get(JAVA_BYTE, READY_FOR_INTERRUPT) != 0;
    }

    int exitReason() {
        return page.get(JAVA_INT_UNALIGNED, EXIT_REASON);
    }

    /** Serves one KVM_EXIT_IO. A string instruction repeats the same port {@code count} times. */
    void serveIo(ExitHandler handler) {
        int port = Short.toUnsignedInt(page.get(JAVA_SHORT_UNALIGNED, IO_PORT));
        int size = page.get(JAVA_BYTE, IO_SIZE);
        boolean out = page.get(JAVA_BYTE, IO_DIRECTION) == IO_OUT;
        int count = page.get(JAVA_INT_UNALIGNED, IO_COUNT);
        long at = page.get(JAVA_LONG_UNALIGNED, IO_DATA_OFFSET);
        boolean known = size == 1 || size == 2 || size == 4;
        if (!known || count < 0 || at < 0 || at > page.byteSize() - (long) count * size) {
            throw senseless("KVM_EXIT_IO", "%d times %d bytes at %d of the page".formatted(count, size, at));
        }
        for (int left = count; left > 0; left--, at += size) {
            if (out) {
                handler.portOut(port, size, load(at, size));
            } else {
                store(at, size, handler.portIn(port, size));
            }
        }
    }

    /** Serves one KVM_EXIT_MMIO. */
    void serveMmio(ExitHandler handler) {
        long gpa = page.get(JAVA_LONG_UNALIGNED, MMIO_ADDRESS);
        int size = page.get(JAVA_INT_UNALIGNED, MMIO_LENGTH);
        boolean write = page.get(JAVA_BYTE, MMIO_IS_WRITE) != 0;
        if (size < 1 || size > MMIO_MAX) throw senseless("KVM_EXIT_MMIO", size + " bytes");
        // An access across a page can arrive in pieces of 3, 5, 6 or 7 bytes; devices see powers of two.
        int step = Integer.bitCount(size) == 1 ? size : 1;
        for (int done = 0; done < size; done += step) {
            if (write) {
                handler.mmioWrite(gpa + done, step, load(MMIO_DATA + done, step));
            } else {
                store(MMIO_DATA + done, step, handler.mmioRead(gpa + done, step));
            }
        }
    }

    int eoiVector() {
        return page.get(JAVA_BYTE, EOI_VECTOR) & 0xFF;
    }

    private static long debugField(long offset) {
        return kvm_run.debug$offset() + kvm_run.debug.arch$offset() + offset;
    }

    /** What a KVM_EXIT_DEBUG is for. */
    DebugEvent debugEvent() {
        long dr6 = page.get(JAVA_LONG_UNALIGNED, DEBUG_DR6);
        boolean int3 = page.get(JAVA_INT_UNALIGNED, DEBUG_EXCEPTION) == BP_VECTOR;
        return new DebugEvent(
                page.get(JAVA_LONG_UNALIGNED, DEBUG_PC),
                int3,
                !int3 && (dr6 & DR6_BS) != 0,
                int3 ? 0 : (int) dr6 & DR6_BREAKPOINTS);
    }

    long hardwareExitReason() {
        return page.get(JAVA_LONG_UNALIGNED, HARDWARE_EXIT_REASON);
    }

    int internalSuberror() {
        return page.get(JAVA_INT_UNALIGNED, INTERNAL_SUBERROR);
    }

    /** What KVM adds to an internal error; its meaning depends on the suberror. */
    long[] internalData() {
        int n = Math.clamp(page.get(JAVA_INT_UNALIGNED, INTERNAL_NDATA), 0, INTERNAL_DATA_MAX);
        return page.asSlice(INTERNAL_DATA, (long) n * Long.BYTES).toArray(JAVA_LONG_UNALIGNED);
    }

    private static VcpuFailedException senseless(String exit, String what) {
        return new VcpuFailedException(
                "KVM reports an exit that makes no sense: %s of %s".formatted(exit, what), false);
    }

    private long load(long at, int size) {
        return switch (size) {
            case 1 -> page.get(JAVA_BYTE, at) & 0xFFL;
            case 2 -> Short.toUnsignedLong(page.get(JAVA_SHORT_UNALIGNED, at));
            case 4 -> Integer.toUnsignedLong(page.get(JAVA_INT_UNALIGNED, at));
            default -> page.get(JAVA_LONG_UNALIGNED, at);
        };
    }

    private void store(long at, int size, long value) {
        switch (size) {
            case 1 -> page.set(JAVA_BYTE, at, (byte) value);
            case 2 -> page.set(JAVA_SHORT_UNALIGNED, at, (short) value);
            case 4 -> page.set(JAVA_INT_UNALIGNED, at, (int) value);
            default -> page.set(JAVA_LONG_UNALIGNED, at, value);
        }
    }
}
