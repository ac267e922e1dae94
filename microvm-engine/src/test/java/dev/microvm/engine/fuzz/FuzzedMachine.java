package dev.microvm.engine.fuzz;

import dev.microvm.clock.GuestClock;
import dev.microvm.engine.EngineHypervisor;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuFailedException;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A small machine whose whole state is made of bytes, the script: first what differs from a sane
 * machine (registers, control registers, segments, entries of tables), then code. It runs for a
 * number of instructions, and whatever it does must end in a guest's way: by an exit, a fault of
 * the guest, a shutdown. The checked mode of host memory finds accesses outside of it.
 */
final class FuzzedMachine implements ExitHandler {
    /** Bytes of a script before its code; zeros there leave the sane machine as it is. */
    static final int PREAMBLE = 256;

    private static final int PAGE = 4096;
    private static final int PAGES = 64;
    private static final int CODE = 0x1000; // in the middle of it the code begins, and crosses into the next page
    private static final int START = CODE + PAGE - 64;
    private static final int STACK = 0x8000;
    private static final int TABLES = 0x1_0000; // of all kinds of paging
    private static final int DESCRIPTORS = 0x2_0000;
    private static final int MEMORY = PAGES * PAGE;
    private static final long ENTRY = 0b111; // present, writable, for users: Intel SDM vol. 3A, 4.3
    private static final long LARGE = 1 << 7;
    private static final int CHANGES = 16; // of tables, at most
    private static final int INSTRUCTIONS = 4_000;
    private static final int EXITS = 500;
    private static final long PATIENCE_MILLIS = 200; // of a string instruction that takes for ever

    // What a script may set beyond the mode: flags that the engine has
    private static final long CR0_EXTRA = 0x0005_003E; // AM, WP, NE, ET, TS, EM, MP
    private static final long CR4_EXTRA = 0x0003_0FDF & ~SpecialRegisters.CR4_PAE;
    private static final long EFER_EXTRA = 0x801; // NXE, SCE

    private static final ScheduledExecutorService WATCH = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().factory());

    private final ByteBuffer script;
    private final VirtualMachine vm;
    private final GuestMemory memory;
    private final Vcpu vcpu;
    private int exits;

    private FuzzedMachine(FuzzedMode mode, byte[] script) {
        byte[] bytes = new byte[Math.max(PREAMBLE, script.length)];
        System.arraycopy(script, 0, bytes, 0, script.length);
        this.script = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        vm = new EngineHypervisor().createVm("fuzz", InterruptMode.SPLIT, GuestClock.instructions(1));
        GuestMemoryRegion ram = new GuestMemoryRegion(0, vm.allocate(MEMORY), false);
        memory = new GuestMemory(List.of(ram));
        vm.map(0, ram);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(vm.supportedCpuid());
        tables(mode);
        registers(mode);
        descriptors();
        changes();
        code();
    }

    /** Makes the machine of a script and runs it. */
    static void run(FuzzedMode mode, byte[] script) {
        FuzzedMachine machine = new FuzzedMachine(mode, script);
        try {
            machine.run();
        } finally {
            machine.vm.close();
        }
    }

    private void run() {
        vm.eventLoop().timer(vcpu::kick).armAt(INSTRUCTIONS);
        Future<?> patience = WATCH.schedule(vcpu::kick, PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
        try {
            vcpu.run(this);
        } catch (VcpuFailedException e) {
            // It ran where no memory is.
        } finally {
            patience.cancel(false);
        }
        readAndWriteState();
    }

    /** What a debugger or a snapshot asks, of whatever state the guest left. */
    private void readAndWriteState() {
        Registers registers = vcpu.registers();
        vcpu.translate(registers.rip());
        vcpu.translate(registers.rsp());
        vcpu.registers(registers);
        vcpu.specialRegisters(vcpu.specialRegisters());
        vcpu.fpuState(vcpu.fpuState());
        vcpu.debugRegisters(vcpu.debugRegisters());
        vcpu.events(vcpu.events());
        vcpu.lapic(vcpu.lapic());
        vcpu.msrs(vcpu.msrs(vcpu.msrIndices()));
    }

    // The machine

    /** Tables that map the first megabytes to themselves, for each kind of paging. */
    private void tables(FuzzedMode mode) {
        boolean legacy = mode == FuzzedMode.PAGES_32;
        boolean pae = mode == FuzzedMode.PAGES_PAE;
        int root = TABLES;
        int pointers = legacy || pae ? root : root + PAGE;
        int directory = pointers + (legacy ? 0 : PAGE);
        int table = directory + PAGE;
        if (legacy) {
            memory.putInt(directory, table | (int) ENTRY);
            for (int i = 0; i < PAGES; i++) memory.putInt(table + i * 4, i * PAGE | (int) ENTRY);
            return;
        }
        if (pointers != root) memory.putLong(root, pointers | ENTRY);
        memory.putLong(pointers, directory | (pae ? 1 : ENTRY));
        memory.putLong(directory, table | ENTRY);
        memory.putLong(directory + 8, ENTRY | LARGE);
        for (int i = 0; i < PAGES; i++) memory.putLong(table + i * 8, (long) i * PAGE | ENTRY);
    }

    private void registers(FuzzedMode mode) {
        long[] values = new long[16];
        for (int i = 0; i < values.length; i++) values[i] = word();
        vcpu.registers(new Registers(
                values[0],
                values[1],
                values[2],
                values[3],
                values[4],
                values[5],
                STACK + values[6],
                values[7],
                values[8],
                values[9],
                values[10],
                values[11],
                values[12],
                values[13],
                values[14],
                values[15],
                START,
                Registers.RFLAGS_RESERVED | (word() & 0x0024_7FD5))); // ID, AC, NT, IOPL, status and control flags
        SegmentRegister data = mode == FuzzedMode.REAL
                ? SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA)
                : SegmentRegister.flat32(0x10, SegmentRegister.TYPE_DATA);
        int rings = script.get() & 0xFF;
        int level = mode == FuzzedMode.REAL ? 0 : rings & 3;
        SegmentRegister code = atLevel(mode.code(), level);
        SegmentRegister task =
                SegmentRegister.systemSegment(0x40, SegmentRegister.TYPE_TSS_BUSY, DESCRIPTORS + 0xC00, 0x67);
        SegmentRegister local =
                SegmentRegister.systemSegment(0x50, SegmentRegister.TYPE_LDT, DESCRIPTORS + 0x800, 0xFF);
        vcpu.specialRegisters(vcpu.specialRegisters()
                .withSegments(code, atLevel(data, level))
                .withTables(new DescriptorTable(DESCRIPTORS, 0x7FF), new DescriptorTable(DESCRIPTORS + PAGE, 0xFFF))
                .withTask(task, local)
                .withControl(
                        mode.cr0 | (word() & CR0_EXTRA),
                        TABLES | (word() & 0xFFF),
                        mode.cr4 | (word() & CR4_EXTRA),
                        mode.efer | (word() & EFER_EXTRA)));
        long[] debug = {word(), word(), word(), word(), word()};
        vcpu.debugRegisters(new DebugRegisters(
                debug[0], debug[1], debug[2], debug[3], 0xFFFF_0FF0L, (debug[4] & 0xFFFF_03FFL) | 0x400));
    }

    private static SegmentRegister atLevel(SegmentRegister of, int dpl) {
        return new SegmentRegister(
                of.base(),
                of.limit(),
                of.selector() | dpl,
                of.type(),
                of.present(),
                dpl,
                of.db(),
                of.codeOrData(),
                of.longMode(),
                of.granularity(),
                of.available(),
                of.unusable());
    }

    /** Descriptors, gates and a task-state segment of the script's last bytes: any nonsense. */
    private void descriptors() {
        byte[] all = script.array();
        for (int i = 0; i < 3 * PAGE; i++) {
            memory.putByte(DESCRIPTORS + i, all[all.length - 1 - i % (all.length / 2)]);
        }
    }

    private void changes() {
        for (int i = 0; i < CHANGES && script.position() <= PREAMBLE - 8; i++) {
            int where = Short.toUnsignedInt(script.getShort());
            int value = script.getInt();
            int flags = Short.toUnsignedInt(script.getShort());
            if (where == 0) continue;
            memory.putLong(TABLES + where % (4 * PAGE) / 8 * 8, (value & 0xFFFF_FFFFL) | (long) flags << 48);
        }
    }

    private void code() {
        script.position(PREAMBLE);
        for (int at = START; script.hasRemaining() && at < CODE + 4 * PAGE; at++) memory.putByte(at, script.get());
    }

    /** A number of the script: small ones and addresses near memory are more likely. */
    private long word() {
        if (script.remaining() < 9 || script.position() > PREAMBLE - 9) return 0;
        int kind = script.get();
        return switch (kind & 3) {
            case 0 -> kind >> 2;
            case 1 -> Short.toUnsignedLong(script.getShort());
            case 2 -> script.getInt() & 0xF_FFFF;
            default -> script.getLong();
        };
    }

    // Its devices

    private long answer(long from) {
        if (++exits >= EXITS) vcpu.kick();
        return script.get((int) Math.floorMod(from + exits, (long) script.limit())) * 0x0101_0101_0101_0101L;
    }

    @Override
    public long portIn(int port, int size) {
        return answer(port);
    }

    @Override
    public void portOut(int port, int size, long value) {
        answer(port);
    }

    @Override
    public long mmioRead(long gpa, int size) {
        return answer(gpa);
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        answer(gpa);
    }

    @Override
    public void endOfInterrupt(int vector) {}
}
