package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.hypervisor.VcpuState;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.model.MachineSpec;
import dev.microvm.state.DeviceState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.stream.LongStream;

/**
 * Everything of a snapshot but the RAM itself, as named fields.
 *
 * @param state the machine
 * @param memorySize size of its RAM in bytes
 * @param checksums of the chunks of its RAM, see {@link MemoryFile}
 * @param disks how the files were that it writes
 * @param base where the RAM is that the snapshot does not have; empty if it has all
 */
record Manifest(
        MachineState state, long memorySize, List<Long> checksums, List<DiskStamp> disks, Optional<DiffBase> base) {
    private static final String TYPE = "microvm-snapshot";

    /**
     * Version of the set of fields: 2 has the fields of {@link DiffBase}. All from 1 on are read. A
     * field that an earlier version lacks has a default here; one that was renamed or means
     * something else is what {@link #read} translates, by the version.
     */
    static final int VERSION = 2;

    private static final String DEVICE = "device.";
    private static final String SPEC = "spec";
    private static final String TAKEN_AT = "takenAt";
    private static final String DISKS = "disks";
    private static final String CLOCK = "clockNanos";
    private static final String VCPUS = "vcpus";
    private static final int CPUID_NUMBERS = 7;

    Manifest {
        checksums = List.copyOf(checksums);
        disks = List.copyOf(disks);
    }

    /** Returns the manifest of the same machine with all RAM. */
    Manifest whole() {
        return new Manifest(state, memorySize, checksums, disks, Optional.empty());
    }

    long[] checksumArray() {
        return checksums.stream().mapToLong(Long::longValue).toArray();
    }

    DeviceState write() {
        DeviceState to = new DeviceState(TYPE, VERSION);
        RecordFields.write(to, SPEC, MachineSpec.class, state.spec());
        to.put("hypervisor", state.hypervisor().getBytes(UTF_8));
        LeafFields.write(to, TAKEN_AT, state.takenAt());
        state.clockNanos().ifPresent(nanos -> to.put(CLOCK, nanos));
        to.put(VCPUS, state.vcpus().size());
        for (int i = 0; i < state.vcpus().size(); i++)
            write(to, "vcpu." + i, state.vcpus().get(i));
        state.devices().forEach((name, device) -> to.put(DEVICE + name, device.encode()));
        to.put("memory.size", memorySize)
                .put("memory.chunk", MemoryFile.CHUNK)
                .put("memory.crc32c", checksumArray())
                .put(DISKS, disks.size());
        for (int i = 0; i < disks.size(); i++) {
            DiskStamp disk = disks.get(i);
            to.put("disk." + i, new long[] {disk.slot(), disk.size(), disk.modifiedNanos()});
        }
        base.ifPresent(link -> link.write(to));
        return to;
    }

    private static void write(DeviceState to, String name, SavedVcpu vcpu) {
        long[] numbers = vcpu.cpuid().stream()
                .flatMapToLong(each -> LongStream.of(
                        each.function(),
                        each.index(),
                        each.indexed() ? 1 : 0,
                        each.eax(),
                        each.ebx(),
                        each.ecx(),
                        each.edx()))
                .toArray();
        to.put(name + ".cpuid", numbers)
                .put(name + ".tscKhz", vcpu.tscKhz())
                .put(name + ".state", vcpu.state().save().encode());
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws IllegalArgumentException if it is something else, or a value is impossible
     */
    static Manifest read(DeviceState fields) {
        FieldReader from = new FieldReader(fields.require(TYPE, VERSION));
        MachineSpec spec = (MachineSpec) Objects.requireNonNull(RecordFields.read(from, SPEC, MachineSpec.class), SPEC);
        OptionalLong clock = from.has(CLOCK) ? OptionalLong.of(from.number(CLOCK)) : OptionalLong.empty();
        List<SavedVcpu> vcpus = new ArrayList<>();
        int count = from.count(VCPUS);
        for (int i = 0; i < count; i++) vcpus.add(readVcpu(from, "vcpu." + i));
        SequencedMap<String, DeviceState> devices = new LinkedHashMap<>();
        for (String field : from.startingWith(DEVICE)) {
            devices.put(field.substring(DEVICE.length()), DeviceState.decode(from.bytes(field)));
        }
        MachineState state = new MachineState(
                spec,
                from.text("hypervisor"),
                (Instant) LeafFields.read(from, TAKEN_AT, Instant.class),
                clock,
                vcpus,
                devices);
        Manifest manifest = new Manifest(
                state, from.number("memory.size"), readChecksums(from), readDisks(from), DiffBase.read(from));
        from.requireAllRead();
        manifest.check();
        return manifest;
    }

    private static SavedVcpu readVcpu(FieldReader from, String name) {
        long[] numbers = from.numbers(name + ".cpuid");
        if (numbers.length % CPUID_NUMBERS != 0) {
            throw new IllegalArgumentException("field %s.cpuid has %d numbers".formatted(name, numbers.length));
        }
        List<CpuidEntry> cpuid = new ArrayList<>();
        for (int i = 0; i < numbers.length; i += CPUID_NUMBERS) {
            cpuid.add(new CpuidEntry(
                    (int) numbers[i],
                    (int) numbers[i + 1],
                    numbers[i + 2] != 0,
                    (int) numbers[i + 3],
                    (int) numbers[i + 4],
                    (int) numbers[i + 5],
                    (int) numbers[i + 6]));
        }
        VcpuState state = VcpuState.from(DeviceState.decode(from.bytes(name + ".state")));
        return new SavedVcpu(cpuid, from.number(name + ".tscKhz"), state);
    }

    private static List<Long> readChecksums(FieldReader from) {
        int chunk = from.integer("memory.chunk");
        if (chunk != MemoryFile.CHUNK) throw new IllegalArgumentException("memory.chunk is " + chunk);
        return Arrays.stream(from.numbers("memory.crc32c")).boxed().toList();
    }

    private static List<DiskStamp> readDisks(FieldReader from) {
        List<DiskStamp> disks = new ArrayList<>();
        int count = from.count(DISKS);
        for (int i = 0; i < count; i++) {
            long[] numbers = from.numbers("disk." + i);
            if (numbers.length != 3) throw new IllegalArgumentException("field disk.%d is no stamp".formatted(i));
            disks.add(new DiskStamp(Math.toIntExact(numbers[0]), numbers[1], numbers[2]));
        }
        return disks;
    }

    /** What the parts say of each other. */
    private void check() {
        long described = state.spec().memory().bytes();
        if (memorySize != described || checksums.size() != MemoryFile.chunks(described)) {
            throw new IllegalArgumentException("RAM of %d bytes with %d checksums in a machine of %d bytes"
                    .formatted(memorySize, checksums.size(), described));
        }
        long pages = memorySize / GuestMemoryRegion.PAGE_SIZE;
        if (base.isPresent() && base.get().changed().length() > pages) {
            throw new IllegalArgumentException("changed pages beyond RAM of %d bytes".formatted(memorySize));
        }
        int vcpus = state.spec().cpus().vcpus();
        if (vcpus != state.vcpus().size()) {
            throw new IllegalArgumentException(
                    "%d vCPUs in a machine of %d".formatted(state.vcpus().size(), vcpus));
        }
        int slots = state.spec().devices().virtio().size();
        for (DiskStamp disk : disks) {
            if (disk.slot() < 0 || disk.slot() >= slots) {
                throw new IllegalArgumentException("a disk in slot %d of %d".formatted(disk.slot(), slots));
            }
        }
    }
}
