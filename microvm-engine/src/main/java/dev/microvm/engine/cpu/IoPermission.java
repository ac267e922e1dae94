package dev.microvm.engine.cpu;

/** Which ports a program may use: Intel SDM vol. 1, 19.5. */
public final class IoPermission {
    /**
     * Where a task-state segment says where its I/O permission map is: Intel SDM vol. 3A, figures
     * 8-2 and 8-11.
     */
    private static final int MAP_BASE = 0x66;

    private IoPermission() {}

    /** #GP(0) unless privilege or the task's I/O permission map allow the ports. */
    public static void require(Cpu cpu, int port, int size, Instruction at) {
        if (!cpu.protectedMode() || (!cpu.virtual8086() && cpu.cpl <= cpu.iopl())) return;
        if (!mapAllows(cpu, port, size, at)) throw cpu.fault(Vectors.GP, 0, at);
    }

    private static boolean mapAllows(Cpu cpu, int port, int size, Instruction at) {
        Segment task = cpu.tr;
        if (!task.usable || task.limit < MAP_BASE + 1) return false;
        cpu.mmu.selectImplicit();
        int map = cpu.mmu.load16(task.base + MAP_BASE, at) + port / Byte.SIZE;
        boolean allowed = map + 1 <= task.limit
                && (cpu.mmu.load16(task.base + map, at) >> port % Byte.SIZE & (1 << size) - 1) == 0;
        cpu.mmu.select(cpu.cpl == 3);
        return allowed;
    }
}
