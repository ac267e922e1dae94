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
    private static final int[] SHIFTS = {0, 1, 2, 3, 4, 5, 7};
    private static final int[] OF_BYTES = {
        0x00, 0x02, 0x08, 0x0A, 0x10, 0x12, 0x18, 0x1A, 0x20, 0x22, 0x28, 0x2A, 0x30, 0x32, 0x38, 0x3A, 0x84, 0x86,
        0x88, 0x8A
    };
    private static final int[] FREE_BYTES = {0, 1, 2, 4, 5, 6}; // AL, CL, DL, AH, CH, DH without REX

    // VEX: the opcode, which map it is in, and the prefix that it stands for
    private static final int[][] OF_VEX = {{0xF6, 2, 3}, {0xF7, 2, 1}, {0xF7, 2, 2}, {0xF7, 2, 3}, {0xF0, 3, 3}};

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
        switch (random.nextInt(4)) {
            case 0 -> { // call the subroutine
                bytes(0xE8);
                number(subroutine - code.size() - 4);
            }
            case 1, 2 -> { // a branch over some instructions
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
        switch (random.nextInt(20)) {
            case 0, 1, 2, 3, 4 -> operands(TWO_OPERANDS[random.nextInt(TWO_OPERANDS.length)], random.nextInt(3) == 0);
            case 5 -> operands(0x0F00 | AFTER_0F[random.nextInt(AFTER_0F.length)], random.nextInt(3) == 0);
            case 6 -> operands(0x0F40 | random.nextInt(16), random.nextInt(3) == 0); // cmovcc
            case 7 -> operands(0x8D, true); // lea
            case 8 -> group(0xC1, SHIFTS[random.nextInt(SHIFTS.length)], random.nextInt(70));
            case 9 -> group(random.nextBoolean() ? 0x83 : 0x80, random.nextInt(8), random.nextInt(256));
            case 10 -> group(0xFF, random.nextInt(2), -1); // inc, dec
            case 11 -> group(0xF7, 2 + random.nextInt(4), -1); // not, neg, mul, imul
            case 12 -> operands(0x0F90 | random.nextInt(16), random.nextInt(3) == 0); // setcc
            case 13 -> ofBytes();
            case 14 -> { // 16 bits
                bytes(0x66);
                operands(TWO_OPERANDS[random.nextInt(TWO_OPERANDS.length)], random.nextInt(3) == 0);
            }
            case 15 -> group(random.nextInt(4) == 0 ? 0xD2 : 0xD3, SHIFTS[random.nextInt(SHIFTS.length)], -1); // by CL
            case 16 -> {
                if (random.nextBoolean()) bytes(0x66);
                if (random.nextBoolean())
                    group(0xF6 | random.nextInt(2), 2 + random.nextInt(4), -1); // not, neg, mul, imul
                else group(0xFE | random.nextInt(2), random.nextInt(2), -1); // inc, dec
            }
            case 17 -> vex(OF_VEX[random.nextInt(OF_VEX.length)]);
            case 18 -> { // adcx, adox
                bytes(random.nextBoolean() ? 0x66 : 0xF3);
                operands(0x0F38F6, random.nextInt(3) == 0);
            }
            default -> {
                if (random.nextBoolean()) pushAndPop();
                else widen();
            }
        }
    }

    private void ofBytes() {
        boolean memory = random.nextInt(3) == 0;
        bytes(OF_BYTES[random.nextInt(OF_BYTES.length)]);
        int reg = FREE_BYTES[random.nextInt(FREE_BYTES.length)];
        if (memory) memory(reg);
        else bytes(0xC0 | reg << 3 | FREE_BYTES[random.nextInt(FREE_BYTES.length)]);
    }

    /** CBW to CQO, and BSWAP. */
    private void widen() {
        int of = random.nextInt(3);
        if (of == 0) bytes(0x66);
        if (of == 1) bytes(0x48);
        int from = free();
        switch (random.nextInt(3)) {
            case 0 -> bytes(0x98);
            case 1 -> bytes(0x99);
            default -> bytes(0x40 | random.nextInt(2) << 3 | from >> 3, 0x0F, 0xC8 | (from & 7));
        }
    }

    /** MULX, SHLX, SARX, SHRX, RORX: Intel SDM vol. 2A, 2.3.5. */
    private void vex(int[] opcode) {
        int reg = free();
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
        bytes(opcode);
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
