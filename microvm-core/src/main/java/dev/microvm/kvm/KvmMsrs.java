package dev.microvm.kvm;

import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.kvm.generated.kvm_msr_entry;
import dev.microvm.kvm.generated.kvm_msr_list;
import dev.microvm.kvm.generated.kvm_msrs;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Model-specific registers through KVM: api.rst 4.3, 4.18 and 4.19. */
final class KvmMsrs {
    private KvmMsrs() {}

    /** The MSRs that belong to a vCPU's state on this host. */
    static int[] indices(FileDescriptor kvm) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment none = kvm_msr_list.allocate(arena);
            KvmRequest request = KvmRequest.GET_MSR_INDEX_LIST;
            int result = Libc.ioctl(kvm.value(), request.number(), none); // fails, and says how many there are
            if (result < 0 && result != -Errno.E2BIG) throw request.failure(-result, "");
            int n = kvm_msr_list.nmsrs(none);
            MemorySegment list = arena.allocate(kvm_msr_list.sizeof() + (long) n * Integer.BYTES, Integer.BYTES);
            kvm_msr_list.nmsrs(list, n);
            request.call(kvm, list);
            return list.asSlice(kvm_msr_list.sizeof()).toArray(ValueLayout.JAVA_INT);
        }
    }

    static List<MsrEntry> read(FileDescriptor vcpu, int... indices) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = allocate(indices.length, arena);
            for (int i = 0; i < indices.length; i++) kvm_msr_entry.index(entry(table, i), indices[i]);
            int done = KvmRequest.GET_MSRS.call(vcpu, table);
            if (done < indices.length) {
                throw new HypervisorException(
                        "KVM_GET_MSRS stopped at MSR 0x%x: not readable on this host".formatted(indices[done]));
            }
            List<MsrEntry> values = new ArrayList<>(done);
            for (int i = 0; i < done; i++) values.add(new MsrEntry(indices[i], kvm_msr_entry.data(entry(table, i))));
            return values;
        }
    }

    static void write(FileDescriptor vcpu, List<MsrEntry> entries) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = allocate(entries.size(), arena);
            for (int i = 0; i < entries.size(); i++) {
                kvm_msr_entry.index(entry(table, i), entries.get(i).index());
                kvm_msr_entry.data(entry(table, i), entries.get(i).value());
            }
            int done = KvmRequest.SET_MSRS.call(vcpu, table);
            if (done < entries.size()) {
                throw new HypervisorException("KVM_SET_MSRS refused " + entries.get(done));
            }
        }
    }

    private static MemorySegment allocate(int n, Arena arena) {
        MemorySegment table = arena.allocate(kvm_msrs.sizeof() + n * kvm_msr_entry.sizeof(), Long.BYTES);
        kvm_msrs.nmsrs(table, n);
        return table;
    }

    private static MemorySegment entry(MemorySegment table, int i) {
        long size = kvm_msr_entry.sizeof();
        return table.asSlice(kvm_msrs.sizeof() + i * size, size);
    }
}
