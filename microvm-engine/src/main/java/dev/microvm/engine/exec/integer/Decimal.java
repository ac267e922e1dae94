package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.cpu.Vectors;

/** The adjustments of packed and unpacked decimals: DAA, DAS, AAA, AAS, AAM, AAD. */
public final class Decimal extends Sequential {
    private final int opcode;
    private final int base;

    public Decimal(int opcode, int base) {
        this.opcode = opcode;
        this.base = base;
    }

    @Override
    public void perform(Cpu cpu) {
        int ax = (int) cpu.r[Cpu.RAX] & 0xFFFF;
        switch (opcode) {
            case 0x27 -> daa(cpu, ax, 1);
            case 0x2F -> daa(cpu, ax, -1);
            case 0x37 -> aaa(cpu, ax, 1);
            case 0x3F -> aaa(cpu, ax, -1);
            case 0xD4 -> {
                if (base == 0) throw cpu.fault(Vectors.DE, this);
                int al = ax & 0xFF;
                set(cpu, (al / base) << 8 | al % base);
                Flags.logic(cpu, (byte) (al % base));
            }
            default -> {
                int al = (ax & 0xFF) + (ax >> 8) * base & 0xFF;
                set(cpu, al);
                Flags.logic(cpu, (byte) al);
            }
        }
    }

    @Override
    public Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }

    private static void set(Cpu cpu, int ax) {
        cpu.r[Cpu.RAX] = (cpu.r[Cpu.RAX] & ~0xFFFFL) | (ax & 0xFFFF);
    }

    private static void daa(Cpu cpu, int ax, int sign) {
        int al = ax & 0xFF;
        boolean carry = Flags.carry(cpu);
        boolean adjust = (al & 0xF) > 9 || Flags.adjust(cpu);
        boolean high = al > 0x99 || carry;
        boolean borrow = sign < 0 && adjust && al < 6;
        int result = al + (adjust ? sign * 6 : 0) + (high ? sign * 0x60 : 0);
        set(cpu, (ax & 0xFF00) | (result & 0xFF));
        flags(cpu, (byte) result, high || carry || borrow, adjust);
    }

    private static void aaa(Cpu cpu, int ax, int sign) {
        boolean adjust = (ax & 0xF) > 9 || Flags.adjust(cpu);
        int result = adjust ? ax + sign * 0x106 : ax;
        if (sign < 0 && adjust) result = (ax - 6 & 0xFFFF) - 0x100;
        set(cpu, result & 0xFF0F);
        flags(cpu, (byte) (result & 0xF), adjust, adjust);
    }

    private static void flags(Cpu cpu, long result, boolean carry, boolean adjust) {
        Flags.logic(cpu, result);
        int all = Flags.arithmetic(cpu) | (carry ? Flags.CF : 0) | (adjust ? Flags.AF : 0);
        Flags.arithmetic(cpu, all);
    }
}
