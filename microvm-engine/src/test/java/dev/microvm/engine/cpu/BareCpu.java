package dev.microvm.engine.cpu;

import dev.microvm.engine.compile.Tier;
import dev.microvm.engine.memory.PhysicalMemory;
import dev.microvm.engine.translate.BlockTranslator;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.limits.Budget;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.Arena;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A CPU with a megabyte of memory and nothing around it, in real mode with flat segments. Any OUT
 * stops it.
 */
public final class BareCpu {
    /** Where {@link #load} puts code: the beginning of a page. */
    public static final int CODE = 0x1000;

    private static final int SIZE = 1 << 20;
    private static final int STACK = 0x8000;

    public final GuestMemory memory;
    public final Cpu cpu;
    private final BlockTranslator translator = new BlockTranslator();

    final CodeHeap codeHeap;

    /** Makes one. */
    public BareCpu() {
        this(Tier.chosen().compiler());
    }

    /** Makes one with a compiler of its own. */
    public BareCpu(Compiler compiler) {
        this(compiler, null);
    }

    /** Makes one whose instructions are counted, or not. */
    public BareCpu(Compiler compiler, @Nullable InstructionCounter counter) {
        this(new Budget("bytes of translations", Long.MAX_VALUE), compiler, counter);
    }

    /** Makes one whose translations are charged to a budget. */
    public BareCpu(Budget translations) {
        this(translations, Tier.chosen().compiler(), null);
    }

    private BareCpu(Budget translations, Compiler compiler, @Nullable InstructionCounter counter) {
        GuestMemoryRegion region =
                new GuestMemoryRegion(0, Arena.ofAuto().allocate(SIZE, PhysicalMemory.PAGE_SIZE), false);
        memory = new GuestMemory(List.of(region));
        PhysicalMemory physical = new PhysicalMemory();
        physical.map(0, region);
        Alone platform = new Alone();
        codeHeap = new CodeHeap(translations.owner("bare CPU"), platform::attend);
        cpu = new Cpu(physical, translator, compiler, platform, codeHeap, counter);
        platform.cpu = cpu;
        cpu.segmentation.set(Cpu.CS, SegmentRegister.realMode(0, SegmentRegister.TYPE_CODE));
        cpu.r[Cpu.RSP] = STACK;
        cpu.rip = CODE;
    }

    /** Puts code at {@link #CODE}. */
    public BareCpu load(int... code) {
        for (int i = 0; i < code.length; i++) memory.putByte(CODE + i, (byte) code[i]);
        return this;
    }

    /** Runs to the next OUT, or to a fault that the guest cannot take. */
    public CpuExit run() {
        return cpu.loop.run();
    }

    /** The block at an address. */
    public Block block(int address) {
        return cpu.jump(address);
    }

    /** Translates the code at {@link #CODE}, as a block that nobody keeps. */
    public Translation translate(int limit) {
        cpu.jump(CODE);
        return translator.translate(cpu, cpu.mmu.code(CODE), 0, limit);
    }

    /** No interrupts, no devices, no time. */
    private static final class Alone implements Platform {
        private @Nullable Cpu cpu;

        void attend() {
            if (cpu != null) cpu.loop.attend();
        }

        @Override
        public void portOut(int port, int size, long value) {
            if (cpu != null) cpu.loop.leave();
        }

        @Override
        public long portIn(int port, int size) {
            return 0;
        }

        @Override
        public long mmioRead(long gpa, int size) {
            return 0;
        }

        @Override
        public void mmioWrite(long gpa, int size, long value) {}

        @Override
        public void endOfInterrupt(int vector) {}

        @Override
        public boolean interruptPending() {
            return false;
        }

        @Override
        public int acknowledgeInterrupt() {
            return -1;
        }

        @Override
        public boolean acceptsExternal() {
            return false;
        }

        @Override
        public boolean apicEnabled() {
            return false;
        }

        @Override
        public int sendInterrupt(long bitmap, long firstId, int command) {
            return 0;
        }

        @Override
        public long timeStamp() {
            return 0;
        }

        @Override
        public void timeStamp(long value) {}

        @Override
        public long randomNumber() {
            return 4; // as good as any
        }

        @Override
        public boolean hasOtherCpus() {
            return false;
        }

        @Override
        public void beginExclusive() {}

        @Override
        public void endExclusive() {}

        @Override
        public void giveWay() {}

        @Override
        public int taskPriority() {
            return 0;
        }

        @Override
        public void taskPriority(int priority) {}

        @Override
        public boolean ownsMsr(int index) {
            return false;
        }

        @Override
        public long readMsr(int index) {
            return 0;
        }

        @Override
        public void writeMsr(int index, long value) {}
    }
}
