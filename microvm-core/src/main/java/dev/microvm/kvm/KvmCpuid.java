package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.KVM_CPUID_FLAG_SIGNIFCANT_INDEX;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.kvm.generated.kvm_cpuid2;
import dev.microvm.kvm.generated.kvm_cpuid_entry2;
import dev.microvm.linux.Errno;
import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** {@link CpuidEntry} lists as struct kvm_cpuid2 and back: api.rst 4.20 and 4.46. */
final class KvmCpuid {
    private static final int FIRST_GUESS = 128; // entries; KVM allows 256 at most
    private static final int LAST_GUESS = 4096;

    private KvmCpuid() {}

    /** What the host and KVM can do together. */
    static List<CpuidEntry> supported(FileDescriptor kvm) {
        for (int entries = FIRST_GUESS; ; entries *= 2) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment table = allocate(entries, arena);
                KvmRequest request = KvmRequest.GET_SUPPORTED_CPUID;
                int result = Libc.ioctl(kvm.value(), request.number(), table);
                if (result >= 0) return decode(table);
                if (result != -Errno.E2BIG || entries == LAST_GUESS) throw request.failure(-result, "");
            }
        }
    }

    static MemorySegment encode(List<CpuidEntry> entries, Arena arena) {
        MemorySegment table = allocate(entries.size(), arena);
        for (int i = 0; i < entries.size(); i++) {
            CpuidEntry entry = entries.get(i);
            MemorySegment to = entry(table, i);
            kvm_cpuid_entry2.function(to, entry.function());
            kvm_cpuid_entry2.index(to, entry.index());
            kvm_cpuid_entry2.flags(to, entry.indexed() ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0);
            kvm_cpuid_entry2.eax(to, entry.eax());
            kvm_cpuid_entry2.ebx(to, entry.ebx());
            kvm_cpuid_entry2.ecx(to, entry.ecx());
            kvm_cpuid_entry2.edx(to, entry.edx());
        }
        return table;
    }

    private static List<CpuidEntry> decode(MemorySegment table) {
        List<CpuidEntry> entries = new ArrayList<>();
        for (int i = 0; i < kvm_cpuid2.nent(table); i++) {
            MemorySegment from = entry(table, i);
            entries.add(new CpuidEntry(
                    kvm_cpuid_entry2.function(from),
                    kvm_cpuid_entry2.index(from),
                    (kvm_cpuid_entry2.flags(from) & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0,
                    kvm_cpuid_entry2.eax(from),
                    kvm_cpuid_entry2.ebx(from),
                    kvm_cpuid_entry2.ecx(from),
                    kvm_cpuid_entry2.edx(from)));
        }
        return List.copyOf(entries);
    }

    private static MemorySegment allocate(int entries, Arena arena) {
        MemorySegment table = arena.allocate(kvm_cpuid2.sizeof() + entries * kvm_cpuid_entry2.sizeof(), Long.BYTES);
        kvm_cpuid2.nent(table, entries);
        return table;
    }

    private static MemorySegment entry(MemorySegment table, int i) {
        long size = kvm_cpuid_entry2.sizeof();
        return table.asSlice(kvm_cpuid2.sizeof() + i * size, size);
    }
}
