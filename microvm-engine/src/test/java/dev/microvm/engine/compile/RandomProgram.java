package dev.microvm.engine.compile;

import java.io.ByteArrayOutputStream;
import java.util.Random;

/**
 * Random 64-bit code of one page: instructions on registers and memory, branches forwards, calls,
 * a loop around it all, and now and then a store to its own code or an access that faults. It ends
 * with an OUT.
 *
 * <p>RBX and RBP are bases of data and stay; R15 counts the turns of the loop. Opcodes: Intel SDM
 * vol. 2D, appendix A.
 */
final class RandomProgram {
    static final int DATA = 0x40000;
    static final int DATA_SIZE = 0x200;

    private static final int[] FREE = {0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13}; // registers
    private static final int RBX = 3;
    private static final int R15 = 15;
    private static final int[] TWO_OPERANDS = {
        0x01, 0x03, 0x09, 0x0B, 0x11, 0x13, 0x19, 0x1B, 0x21, 0x23, 0x29, 0x2B, 0x31, 0x33, 0x39, 0x3B, 0x85, 0x87,
        0x89, 0x8B
    };
    private static final int[] AFTER_0F = {0xAF, 0xB6, 0xB7, 0xBE, 0xBF, 0xBC, 0xBD, 0xC1, 0xB1};
    private static final int[] LOCKED = {0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x0FC1, 0x0FB1, 0x0FB0, 0x0FC0, 0x87
    };
    private static final int[] CARRY = {0xF5, 0xF8, 0xF9}; // cmc, clc, stc
    private static final int[] SHIFTS = {0, 1, 2, 3, 4, 5, 7};
    private static final int[] OF_BYTES = {
        0x00, 0x02, 0x08, 0x0A, 0x10, 0x12, 0x18, 0x1A, 0x20, 0x22, 0x28, 0x2A, 0x30, 0x32, 0x38, 0x3A, 0x84, 0x86,
        0x88, 0x8A
    };
    private static final int[] FREE_BYTES = {0, 1, 2, 4, 5, 6}; // AL, CL, DL, AH, CH, DH without REX

    // VEX: the opcode, which map it is in, and the prefix that it stands for
    private static final int[][] OF_VEX = {
        {0xF6, 2, 3}, {0xF7, 2, 1}, {0xF7, 2, 2}, {0xF7, 2, 3}, {0xF0, 3, 3}, {0xF2, 2, 0}, {0xF3, 2, 0}
    };

    // Moves, logic and arithmetic on XMM registers: a prefix, or 0, and the opcode after 0F
    private static final int[] OF_XMM = {
        0x666F, 0xF36F, 0x667F, 0xF37F, 0x0010, 0x0011, 0x0028, 0x0029, 0x666E, 0x667E, 0xF37E, 0x66D6, 0x0012, 0x0016,
        0x6613, 0x6617, 0xF310, 0xF211, 0x66EF, 0x66FE, 0x66D4, 0x66DB, 0x66EB, 0x6662, 0x6674, 0x666C
    };

    // The same with an immediate after it
    private static final int[] OF_XMM_IMMEDIATE = {0x6670, 0xF370, 0xF270, 0x00C6, 0x66C6, 0xF2C2, 0x66C2};

    // Floating point
    private static final int[] OF_FLOATS = {
        0xF258, 0xF259, 0xF25C, 0xF25E, 0xF25A, 0xF35A, 0xF251, 0xF35E, 0x6658, 0x0059, 0x662F, 0x662E, 0x002E, 0x002F,
        0xF22A, 0xF32A
    };

    // From an XMM register to a general register
    private static final int[] TO_GENERAL = {0xF22C, 0xF22D, 0xF32C, 0xF32D, 0x0050, 0x6650, 0x66D7};
    private static final int LAST_WITH_MEMORY = 0x2D;

    // VEX on vector registers: the opcode, which map it is in, the prefix that it stands for, and what it has
    private static final int NAMED = 1; // an operand in the prefix
    private static final int IMMEDIATE = 2;
    private static final int NARROW = 4; // 128 bits alone
    private static final int NO_MEMORY = 8;
    private static final int GENERAL = 16; // its first operand is a general register
    private static final int[][] OF_VECTORS = {
        {0x6F, 1, 1, 0},
        {0x6F, 1, 2, 0},
        {0x7F, 1, 1, 0},
        {0x7F, 1, 2, 0},
        {0x10, 1, 0, 0},
        {0x11, 1, 0, 0},
        {0xEF, 1, 1, NAMED},
        {0xDB, 1, 1, NAMED},
        {0xFE, 1, 1, NAMED},
        {0xD4, 1, 1, NAMED},
        {0x74, 1, 1, NAMED},
        {0x60, 1, 1, NAMED},
        {0x6D, 1, 1, NAMED},
        {0xD2, 1, 1, NAMED},
        {0x00, 2, 1, NAMED},
        {0x20, 2, 1, 0},
        {0x35, 2, 1, 0},
        {0x58, 2, 1, 0},
        {0x59, 2, 1, 0},
        {0x78, 2, 1, 0},
        {0x79, 2, 1, 0},
        {0x70, 1, 1, IMMEDIATE},
        {0x0F, 3, 1, NAMED | IMMEDIATE},
        {0x58, 1, 3, NAMED | NARROW},
        {0x59, 1, 1, NAMED},
        {0x2F, 1, 1, NARROW},
        {0x6E, 1, 1, NARROW},
        {0x7E, 1, 2, NARROW},
        {0x7E, 1, 1, NARROW | GENERAL},
        {0xD6, 1, 1, NARROW},
        {0x2A, 1, 3, NAMED | NARROW},
        {0x12, 1, 1, NAMED | NARROW},
        {0x10, 1, 3, NAMED | NARROW | NO_MEMORY},
        {0x77, 1, 0, NO_MEMORY},
        {0xD7, 1, 1, NO_MEMORY | GENERAL}
    };

    private final Random random;
    private final ByteArrayOutputStream code = new ByteArrayOutputStream();
    private int subroutine;
    private int patched; // offset of an immediate that stores may change

    RandomProgram(Random random) {
        this.random = random;
    }

    /** Returns the code; it may be put at the beginning of any page. */
    byte[] make() {
        code.reset();
        bytes(0xEB, 0); // jmp over the subroutine
        subroutine = code.size();
        some(1 + random.nextInt(4));
        bytes(0xC3);
        byte[] begun = code.toByteArray();
        begun[1] = (byte) (begun.length - 2);
        code.reset();
        code.writeBytes(begun);
        int loop = code.size();
        bytes(0xB9); // mov $imm32, %ecx
        patched = code.size();
        number(random.nextInt());
        int parts = 1 + random.nextInt(4);
        for (int i = 0; i < parts; i++) part();
        bytes(0x41, 0xFF, 0xC8 | (R15 & 7)); // dec %r15d
        bytes(0x0F, 0x85); // jnz loop
        number(loop - code.size() - 4);
        bytes(0xE6, 0xF4); // out %al, $0xf4
        return code.toByteArray();
    }

    private void part() {
        some(1 + random.nextInt(8));
        switch (random.nextInt(5)) {
            case 0 -> { // call the subroutine
                bytes(0xE8);
                number(subroutine - code.size() - 4);
            }
            case 1 -> indirect();
            case 2, 3 -> { // a branch over some instructions
                ByteArrayOutputStream before = new ByteArrayOutputStream();
                before.writeBytes(code.toByteArray());
                code.reset();
                some(1 + random.nextInt(4));
                byte[] over = code.toByteArray();
                code.reset();
                code.writeBytes(before.toByteArray());
                bytes(0x0F, 0x80 | random.nextInt(16));
                number(over.length);
                code.writeBytes(over);
            }
            default -> rare();
        }
    }

    /** By way of R14: calls the subroutine, or jumps over some instructions. */
    private void indirect() {
        bytes(0x4C, 0x8D, 0x35); // lea number(%rip), %r14
        if (random.nextBoolean()) {
            number(subroutine - code.size() - 4);
            bytes(0x41, 0xFF, 0xD6); // call *%r14
            return;
        }
        ByteArrayOutputStream before = new ByteArrayOutputStream();
        before.writeBytes(code.toByteArray());
        code.reset();
        some(1 + random.nextInt(3));
        byte[] over = code.toByteArray();
        code.reset();
        code.writeBytes(before.toByteArray());
        number(3 + over.length);
        bytes(0x41, 0xFF, 0xE6); // jmp *%r14
        code.writeBytes(over);
    }

    private void rare() {
        switch (random.nextInt(24)) {
            case 0 -> { // mov $imm8, to the immediate of the first instruction of the loop
                bytes(0xC6, 0x05);
                number(patched + random.nextInt(4) - (code.size() + 5));
                bytes(random.nextInt(256));
            }
            case 1 -> { // mov to or from an address that is not canonical
                bytes(0x49, 0xBE); // mov $imm64, %r14
                number(random.nextInt());
                number(0x12345678);
                bytes(0x4D, random.nextBoolean() ? 0x8B : 0x89, 0x06); // mov (%r14), %r8 or back
            }
            case 2 -> bytes(0x9C, 0x58); // pushf; pop %rax
            default -> some(1);
        }
    }

    private void some(int count) {
        for (int i = 0; i < count; i++) instruction();
    }

    private void instruction() {
        switch (random.nextInt(32)) {
            case 28 -> {
                simd(OF_XMM_IMMEDIATE[random.nextInt(OF_XMM_IMMEDIATE.length)]);
                bytes(random.nextInt(256));
            }
            case 29 -> simd(OF_FLOATS[random.nextInt(OF_FLOATS.length)]);
            case 30 -> toGeneral(TO_GENERAL[random.nextInt(TO_GENERAL.length)]);
            case 31 -> vectors(OF_VECTORS[random.nextInt(OF_VECTORS.length)]);
            case 23 -> bitTest();
            case 24 -> { // popcnt, tzcnt, lzcnt
                if (random.nextInt(3) == 0) bytes(0x66);
                bytes(0xF3);
                operands(0x0FB8 | new int[] {0, 4, 5}[random.nextInt(3)], random.nextInt(3) == 0);
            }
            case 25 -> locked();
            case 26 -> divide();
            case 27 -> doubleShiftOrSwapped();
            case 0, 1, 2, 3, 4 -> operands(TWO_OPERANDS[random.nextInt(TWO_OPERANDS.length)], random.nextInt(3) == 0);
            case 5 -> operands(0x0F00 | AFTER_0F[random.nextInt(AFTER_0F.length)], random.nextInt(3) == 0);
            case 6 -> operands(0x0F40 | random.nextInt(16), random.nextInt(3) == 0); // cmovcc
            case 7 -> operands(0x8D, true); // lea
            case 8 -> group(0xC0 | random.nextInt(2), SHIFTS[random.nextInt(SHIFTS.length)], random.nextInt(70));
            case 9 -> group(random.nextBoolean() ? 0x83 : 0x80, random.nextInt(8), random.nextInt(256));
            case 10 -> group(0xFF, random.nextInt(2), -1); // inc, dec
            case 11 -> group(0xF7, 2 + random.nextInt(4), -1); // not, neg, mul, imul
            case 12 -> operands(0x0F90 | random.nextInt(16), random.nextInt(3) == 0); // setcc
            case 13 -> ofBytes();
            case 14 -> { // 16 bits
                bytes(0x66);
                operands(TWO_OPERANDS[random.nextInt(TWO_OPERANDS.length)], random.nextInt(3) == 0);
            }
            case 15 -> {
                if (random.nextInt(4) == 0) bytes(0x66);
                group(0xD0 | random.nextInt(4), SHIFTS[random.nextInt(SHIFTS.length)], -1); // by 1 or CL
            }
            case 16 -> {
                if (random.nextBoolean()) bytes(0x66);
                if (random.nextBoolean())
                    group(0xF6 | random.nextInt(2), 2 + random.nextInt(4), -1); // not, neg, mul, imul
                else group(0xFE | random.nextInt(2), random.nextInt(2), -1); // inc, dec
            }
            case 17 -> vex(OF_VEX[random.nextInt(OF_VEX.length)]);
            case 20, 21 -> simd(OF_XMM[random.nextInt(OF_XMM.length)]);
            case 22 -> {
                bytes(0x68); // push $imm32
                number(random.nextInt());
                bytes(0x55, 0x48, 0x89, 0xE5, 0xC9, 0x58); // push %rbp; mov %rsp, %rbp; leave; pop %rax
            }
            case 18 -> { // adcx, adox
                bytes(random.nextBoolean() ? 0x66 : 0xF3);
                operands(0x0F38F6, random.nextInt(3) == 0);
            }
            default -> {
                if (random.nextBoolean()) pushAndPop();
                else widenOrCarry();
            }
        }
    }

    /** BT, BTS, BTR and BTC; with memory and a register, the bit is near. */
    private void bitTest() {
        if (random.nextBoolean()) {
            group(0x0FBA, 4 + random.nextInt(4), random.nextInt(256));
            return;
        }
        int number = free();
        boolean memory = random.nextBoolean();
        if (memory) {
            bytes(0x48 | number >> 3, 0x83, 0xE0 | (number & 7), 0x7F); // and $0x7f, number
            if (random.nextBoolean()) bytes(0xF7, 0xD8 | random.nextInt(3)); // neg of %eax, %ecx or %edx, perhaps it
        }
        bytes(0x48 | (number >> 3) << 2, 0x0F, 0xA3 | random.nextInt(memory ? 1 : 4) << 3);
        if (memory) {
            bytes(0x80 | (number & 7) << 3 | RBX);
            number(DATA_SIZE / 2);
        } else {
            bytes(0xC0 | (number & 7) << 3 | FREE_BYTES[random.nextInt(3)]);
        }
    }

    /** With LOCK, mostly aligned; CMPXCHG mostly finds what it expects. */
    private void locked() {
        int reg = free();
        int at = random.nextInt(DATA_SIZE / 8 - 2) * 8 + (random.nextInt(8) == 0 ? random.nextInt(8) : 0);
        int opcode = LOCKED[random.nextInt(LOCKED.length)];
        if (opcode == 0x0FB1 && random.nextInt(4) != 0) {
            bytes(0x48, 0x8B, 0x80 | RBX); // mov at(%rbx), %rax
            number(at);
        }
        bytes(0xF0, 0x40 | random.nextInt(2) << 3 | (reg >> 3) << 2);
        if (random.nextInt(4) == 0) { // bts, btr, btc
            bytes(0x0F, 0xBA, 0x80 | (5 + random.nextInt(3)) << 3 | RBX);
            number(at);
            bytes(random.nextInt(256));
            return;
        }
        if (opcode > 0xFF) bytes(0x0F);
        bytes(opcode & 0xFF, 0x80 | (reg & 7) << 3 | RBX);
        number(at);
    }

    /** DIV and IDIV, mostly with a quotient. */
    private void divide() {
        int divisor = new int[] {1, 6, 7}[random.nextInt(3)]; // not EAX, EDX
        int wide = random.nextInt(2) << 3;
        boolean signed = random.nextBoolean();
        bytes(0x48, 0x83, 0xC8 | divisor, 1 + random.nextInt(2)); // or $1 or $2, divisor
        if (random.nextInt(16) != 0) {
            if (signed) bytes(0x40 | wide, 0x99); // cdq, cqo
            else bytes(0x31, 0xD2); // xor %edx, %edx
        }
        bytes(0x40 | wide, 0xF7, 0xC0 | (signed ? 7 : 6) << 3 | divisor);
    }

    /** SHLD, SHRD and MOVBE. */
    private void doubleShiftOrSwapped() {
        boolean memory = random.nextInt(3) == 0;
        switch (random.nextInt(3)) {
            case 0 -> {
                operands(0x0FA4 | random.nextInt(2) << 3, memory);
                bytes(random.nextInt(256));
            }
            case 1 -> operands(0x0FA5 | random.nextInt(2) << 3, memory);
            default -> operands(0x0F38F0 | random.nextInt(2), true);
        }
    }

    private void ofBytes() {
        boolean memory = random.nextInt(3) == 0;
        bytes(OF_BYTES[random.nextInt(OF_BYTES.length)]);
        int reg = FREE_BYTES[random.nextInt(FREE_BYTES.length)];
        if (memory) memory(reg);
        else bytes(0xC0 | reg << 3 | FREE_BYTES[random.nextInt(FREE_BYTES.length)]);
    }

    /** An instruction on XMM registers, as in {@link #OF_XMM}; memory is mostly aligned. */
    private void simd(int opcode) {
        boolean memory = random.nextInt(2) == 0;
        int rm = free();
        int reg = random.nextInt(16);
        if (opcode > 0xFF) bytes(opcode >> 8);
        bytes(0x40 | random.nextInt(2) << 3 | reg >> 3 << 2 | (memory ? 0 : rm >> 3));
        bytes(0x0F, opcode & 0xFF);
        if (memory) {
            bytes(0x80 | (reg & 7) << 3 | RBX);
            number(random.nextInt(DATA_SIZE / 16 - 1) * 16 + (random.nextInt(8) == 0 ? 4 : 0));
        } else {
            bytes(0xC0 | (reg & 7) << 3 | (rm & 7));
        }
    }

    private void toGeneral(int opcode) {
        boolean memory = (opcode & 0xFF) <= LAST_WITH_MEMORY && random.nextBoolean();
        int reg = free();
        if (opcode > 0xFF) bytes(opcode >> 8);
        bytes(0x40 | random.nextInt(2) << 3 | reg >> 3 << 2, 0x0F, opcode & 0xFF);
        if (memory) memory(reg & 7);
        else bytes(0xC0 | (reg & 7) << 3 | random.nextInt(8));
    }

    /** An instruction of {@link #OF_VECTORS}. */
    private void vectors(int[] opcode) {
        int has = opcode[3];
        boolean memory = (has & NO_MEMORY) == 0 && random.nextBoolean();
        int reg = (has & GENERAL) == 0 ? random.nextInt(8) : random.nextInt(3);
        int rm = (has & GENERAL) == 0 ? random.nextInt(3) : memory ? 0 : random.nextInt(3);
        int other = (has & NAMED) == 0 ? 0 : random.nextInt(16);
        int wide = (has & NARROW) == 0 ? random.nextInt(2) : 0;
        bytes(0xC4, 0xE0 | opcode[1], (~other & 15) << 3 | wide << 2 | opcode[2], opcode[0]);
        if (opcode[0] == 0x77) return;
        if (memory) {
            bytes(0x80 | reg << 3 | RBX);
            number(random.nextInt(DATA_SIZE / 32 - 1) * 32 + (random.nextInt(8) == 0 ? 4 : 0));
        } else {
            bytes(0xC0 | reg << 3 | rm);
        }
        if ((has & IMMEDIATE) != 0) bytes(random.nextInt(256));
    }

    /** CBW to CQO, BSWAP, CMC, CLC and STC. */
    private void widenOrCarry() {
        int of = random.nextInt(3);
        if (of == 0) bytes(0x66);
        if (of == 1) bytes(0x48);
        int from = free();
        switch (random.nextInt(4)) {
            case 0 -> bytes(0x98);
            case 1 -> bytes(0x99);
            case 2 -> bytes(CARRY[random.nextInt(CARRY.length)]);
            default -> bytes(0x40 | random.nextInt(2) << 3 | from >> 3, 0x0F, 0xC8 | (from & 7));
        }
    }

    /** MULX, SHLX, SARX, SHRX, RORX, ANDN, BLSR, BLSMSK, BLSI: Intel SDM vol. 2A, 2.3. */
    private void vex(int[] opcode) {
        int reg = opcode[0] == 0xF3 ? 1 + random.nextInt(3) : free(); // which of a group
        int rm = free();
        boolean memory = random.nextInt(3) == 0;
        int other = opcode[1] == 3 ? 0 : free();
        int inverted = (reg < 8 ? 0x80 : 0) | 0x40 | (memory || rm < 8 ? 0x20 : 0);
        bytes(0xC4, inverted | opcode[1], random.nextInt(2) << 7 | (~other & 15) << 3 | opcode[2], opcode[0]);
        if (memory) memory(reg & 7);
        else bytes(0xC0 | (reg & 7) << 3 | (rm & 7));
        if (opcode[1] == 3) bytes(random.nextInt(256));
    }

    private void pushAndPop() {
        int from = free();
        int to = free();
        if (from > 7) bytes(0x41);
        bytes(0x50 | (from & 7));
        if (random.nextBoolean()) operands(0x01, false);
        if (to > 7) bytes(0x41);
        bytes(0x58 | (to & 7));
    }

    private int free() {
        return FREE[random.nextInt(FREE.length)];
    }

    /** An instruction with ModR/M; opcodes above 0xff have 0F before them. */
    private void operands(int opcode, boolean memory) {
        int reg = free();
        int rm = free();
        bytes(0x40 | random.nextInt(2) << 3 | reg >> 3 << 2 | (memory ? 0 : rm >> 3));
        if (opcode > 0xFF) bytes(0x0F);
        if (opcode > 0xFFFF) bytes(opcode >> 8 & 0xFF);
        bytes(opcode & 0xFF);
        if (memory) memory(reg & 7);
        else bytes(0xC0 | (reg & 7) << 3 | (rm & 7));
    }

    private void group(int opcode, int operation, int immediate) {
        boolean memory = random.nextInt(3) == 0;
        int rm = free();
        bytes(0x40 | random.nextInt(2) << 3 | (memory ? 0 : rm >> 3));
        if (opcode > 0xFF) bytes(opcode >> 8);
        bytes(opcode & 0xFF);
        if (memory) memory(operation);
        else bytes(0xC0 | operation << 3 | (rm & 7));
        if (immediate >= 0) bytes(immediate);
    }

    /** ModR/M and displacement of an operand near RBX. */
    private void memory(int reg) {
        bytes(0x80 | reg << 3 | RBX);
        number(random.nextInt(DATA_SIZE - 16));
    }

    private void bytes(int... values) {
        for (int each : values) code.write(each);
    }

    private void number(int value) {
        for (int i = 0; i < Integer.SIZE; i += Byte.SIZE) code.write(value >> i);
    }
}
