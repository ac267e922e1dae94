package dev.microvm.engine.exec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.EngineHypervisor;
import dev.microvm.engine.oracle.UserMachine;
import dev.microvm.hypervisor.Registers;
import dev.microvm.testing.Lanes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * General-purpose instructions do what the real processor does: each form with random registers,
 * flags and memory, on both. Flags that the manual leaves undefined are not compared.
 */
@Lanes.Kvm
@Timeout(300)
final class IntegerOracleTest {
    private static final int ROUNDS = Integer.getInteger("microvm.oracleRounds", 50);
    private static final int CF = 1 << 0;
    private static final int PF = 1 << 2;
    private static final int AF = 1 << 4;
    private static final int ZF = 1 << 6;
    private static final int SF = 1 << 7;
    private static final int OF = 1 << 11;
    private static final int ALL = CF | PF | AF | ZF | SF | OF;
    private static final int DF = 1 << 10;
    private static final long[] EDGES = {
        0,
        1,
        -1,
        0x7F,
        0x80,
        0xFF,
        0x7FFF,
        0x8000,
        0xFFFF,
        0x7FFF_FFFFL,
        0x8000_0000L,
        0xFFFF_FFFFL,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        2,
        31,
        32,
        33,
        63,
        64
    };

    /** Code with a name and the flags that it defines. */
    @SuppressWarnings("ArrayRecordComponent") // forms are compared with nothing
    private record Form(String name, int definedFlags, byte[] code) {}

    @TestFactory
    List<DynamicTest> doesWhatTheProcessorDoes() {
        List<Form> forms = new ArrayList<>();
        addArithmetic(forms);
        addShifts(forms);
        addMultiplication(forms);
        addBits(forms);
        addMoves(forms);
        addStack(forms);
        addStrings(forms);
        addConditions(forms);
        addSelfModification(forms);
        return forms.stream()
                .map(form -> DynamicTest.dynamicTest(form.name, () -> compare(form)))
                .toList();
    }

    private static void compare(Form form) {
        long seed = Long.getLong("microvm.seed", System.nanoTime());
        Random random = new Random(seed);
        try (UserMachine real = new UserMachine(Lanes.kvm());
                UserMachine ours = new UserMachine(new EngineHypervisor())) {
            for (int round = 0; round < ROUNDS; round++) {
                byte[] data = new byte[UserMachine.DATA_SIZE];
                random.nextBytes(data);
                if (random.nextInt(4) == 0) Arrays.fill(data, (byte) 0);
                real.memory().write(UserMachine.DATA, data);
                ours.memory().write(UserMachine.DATA, data);
                Registers start = randomRegisters(random);
                Registers expected = real.run(form.code, start);
                Registers actual = ours.run(form.code, start);
                String context = "%s [%s] seed %d round %d from%n%s%nreal%n%s%nours%n%s"
                        .formatted(
                                form.name, HexFormat.of().formatHex(form.code), seed, round, start, expected, actual);
                assertThat(ours.ended()).as(context).isEqualTo(real.ended());
                long mask = form.definedFlags | DF;
                assertThat(actual.rflags() & mask).as(context).isEqualTo(expected.rflags() & mask);
                assertThat(actual.withRflags(0)).as(context).isEqualTo(expected.withRflags(0));
                assertThat(ours.memory().read(UserMachine.DATA, UserMachine.DATA_SIZE))
                        .as(context)
                        .isEqualTo(real.memory().read(UserMachine.DATA, UserMachine.DATA_SIZE));
            }
        }
    }

    /**
     * RBX and RBP point to data, RSI and RDI too, RSP to its end; RCX is a small count now and
     * then.
     */
    private static Registers randomRegisters(Random random) {
        long rcx = random.nextInt(3) == 0 ? random.nextInt(70) : value(random);
        long flags = random.nextInt() & (ALL | (random.nextInt(4) == 0 ? DF : 0));
        return new Registers(
                value(random),
                UserMachine.DATA + 0x800 + random.nextInt(64),
                rcx,
                value(random),
                UserMachine.DATA + 0xFC0 + random.nextInt(64),
                UserMachine.DATA + 0xF80 + random.nextInt(128),
                UserMachine.DATA + 0x1800,
                UserMachine.DATA + 0xFF0 + random.nextInt(16),
                value(random),
                value(random),
                value(random),
                value(random),
                value(random),
                value(random),
                value(random),
                value(random),
                0,
                2 | flags);
    }

    private static long value(Random random) {
        return switch (random.nextInt(4)) {
            case 0 -> EDGES[random.nextInt(EDGES.length)];
            case 1 -> random.nextInt();
            case 2 -> random.nextInt(0x200) - 0x100;
            default -> random.nextLong();
        };
    }

    private static byte[] code(int... bytes) {
        byte[] code = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) code[i] = (byte) bytes[i];
        return code;
    }

    // ModR/M bytes: rax with rdx, [rbx] with rdx, [rbp+8+rcx-less] and so on
    private static final int RAX_RDX = 0xD0; // rm rax, reg rdx
    private static final int AT_RBX_RDX = 0x13; // rm [rbx], reg rdx
    private static final int AT_RBP_RAX = 0x45; // rm [rbp+disp8], reg rax; crosses a page

    private static final int[][] SIZES = {{}, {0x66}, {0x48}};
    private static final String[] SIZE_NAMES = {"32", "16", "64"};

    /** A form for 8, 16, 32 and 64 bits: the opcode with bit 0 clear is the one of bytes. */
    private static void sized(List<Form> forms, String name, int flags, int opcode, int... rest) {
        forms.add(new Form(name + " 8", flags, join(opcode & ~1, rest)));
        wide(forms, name, flags, opcode, rest);
    }

    private static void wide(List<Form> forms, String name, int flags, int opcode, int... rest) {
        for (int i = 0; i < SIZES.length; i++) {
            int[] prefix = SIZES[i];
            int[] all = new int[prefix.length + 1 + rest.length];
            System.arraycopy(prefix, 0, all, 0, prefix.length);
            all[prefix.length] = opcode;
            System.arraycopy(rest, 0, all, prefix.length + 1, rest.length);
            forms.add(new Form(name + " " + SIZE_NAMES[i], flags, code(all)));
        }
    }

    private static void wide0f(List<Form> forms, String name, int flags, int opcode, int... rest) {
        int[] all = new int[rest.length + 1];
        all[0] = opcode;
        System.arraycopy(rest, 0, all, 1, rest.length);
        wide(forms, name, flags, 0x0F, all);
    }

    private static byte[] join(int first, int[] rest) {
        int[] all = new int[rest.length + 1];
        all[0] = first;
        System.arraycopy(rest, 0, all, 1, rest.length);
        return code(all);
    }

    private static void addArithmetic(List<Form> forms) {
        String[] names = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
        for (int i = 0; i < names.length; i++) {
            int flags = i == 1 || i == 4 || i == 6 ? ALL & ~AF : ALL;
            int opcode = i << 3 | 1;
            sized(forms, names[i] + " rax, rdx", flags, opcode, RAX_RDX);
            sized(forms, names[i] + " [rbx], rdx", flags, opcode, AT_RBX_RDX);
            sized(forms, names[i] + " [rbp+8], rax", flags, opcode, AT_RBP_RAX, 8);
            sized(forms, names[i] + " rdx, [rbx]", flags, opcode + 2, AT_RBX_RDX);
            sized(forms, names[i] + " rax, [rbp+8]", flags, opcode + 2, AT_RBP_RAX, 8);
            wide(forms, names[i] + " rax, imm8", flags, 0x83, 0xC0 | i << 3, 0x9C);
            wide(forms, names[i] + " [rbx], imm8", flags, 0x83, 0x03 | i << 3, 0x7C);
            forms.add(new Form(names[i] + " al, imm8", flags, code(i << 3 | 4, 0x91)));
            forms.add(new Form(names[i] + " ah, dl", flags, code(i << 3, 0xD4)));
            forms.add(new Form(names[i] + " eax, imm32", flags, code(i << 3 | 5, 0x91, 0x92, 0x93, 0x94)));
            forms.add(new Form(names[i] + " rax, imm32", flags, code(0x48, i << 3 | 5, 0x91, 0x92, 0x93, 0x94)));
            if (i != 7) sizedLocked(forms, names[i], flags, opcode);
        }
        sized(forms, "test rax, rdx", ALL & ~AF, 0x85, RAX_RDX);
        sized(forms, "test rax, rax", ALL & ~AF, 0x85, 0xC0);
        sized(forms, "test [rbx], rdx", ALL & ~AF, 0x85, AT_RBX_RDX);
        forms.add(new Form("test eax, imm32", ALL & ~AF, code(0xA9, 0, 0x80, 0, 0x80)));
        forms.add(new Form("test rax, imm32", ALL & ~AF, code(0x48, 0xA9, 0, 0x80, 0, 0x80)));
        forms.add(new Form("test al, imm8", ALL & ~AF, code(0xA8, 0x81)));
        forms.add(new Form("test dword [rbx], imm32", ALL & ~AF, code(0xF7, 0x03, 0, 0x80, 0, 0x80)));
        sized(forms, "inc rax", ALL, 0xFF, 0xC0);
        sized(forms, "dec rax", ALL, 0xFF, 0xC8);
        sized(forms, "inc [rbx]", ALL, 0xFF, 0x03);
        sized(forms, "dec [rbx]", ALL, 0xFF, 0x0B);
        sized(forms, "not rax", ALL, 0xF7, 0xD0);
        sized(forms, "neg rax", ALL, 0xF7, 0xD8);
        sized(forms, "neg [rbx]", ALL, 0xF7, 0x1B);
        wide0f(forms, "xadd rax, rdx", ALL, 0xC1, RAX_RDX);
        wide0f(forms, "xadd rax, rax", ALL, 0xC1, 0xC0);
        wide0f(forms, "xadd [rbx], rdx", ALL, 0xC1, AT_RBX_RDX);
        wide0f(forms, "cmpxchg rdx, rcx", ALL, 0xB1, 0xCA);
        wide0f(forms, "cmpxchg rax, rcx", ALL, 0xB1, 0xC8);
        wide0f(forms, "cmpxchg [rbx], rdx", ALL, 0xB1, AT_RBX_RDX);
        forms.add(new Form("cmpxchg8b", ALL, code(0x0F, 0xC7, 0x0E)));
        forms.add(new Form("lock cmpxchg8b", ALL, code(0xF0, 0x0F, 0xC7, 0x0E)));
        sized(forms, "xchg rax, rdx", ALL, 0x87, RAX_RDX);
        sized(forms, "xchg [rbx], rdx", ALL, 0x87, AT_RBX_RDX);
        wide(forms, "xchg rax, rcx short", ALL, 0x91);
    }

    private static void sizedLocked(List<Form> forms, String name, int flags, int opcode) {
        for (int i = 0; i < 2; i++) {
            int op = i == 0 ? opcode - 1 : opcode;
            forms.add(
                    new Form("lock " + name + " [rbx], " + (i == 0 ? "dl" : "rdx"), flags, code(0xF0, 0x48, op, 0x13)));
        }
    }

    private static void addShifts(List<Form> forms) {
        String[] names = {"rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"};
        for (int i = 0; i < names.length; i++) {
            boolean rotates = i < 4;
            int byOne = rotates ? ALL : ALL & ~AF;
            int byMore = rotates ? ALL & ~OF : ALL & ~AF & ~OF;
            sized(forms, names[i] + " rax, 1", byOne, 0xD1, 0xC0 | i << 3);
            sized(forms, names[i] + " [rbx], 1", byOne, 0xD1, 0x03 | i << 3);
            for (int n : new int[] {0, 1, 3, 7}) {
                sized(forms, names[i] + " rax, " + n, n <= 1 ? byOne : byMore, 0xC1, 0xC0 | i << 3, n);
            }
            wide(forms, names[i] + " rax, 31", byMore & (rotates ? ALL : ALL & ~CF), 0xC1, 0xC0 | i << 3, 31);
            forms.add(new Form(names[i] + " rax, 63", byMore, code(0x48, 0xC1, 0xC0 | i << 3, 63)));
            forms.add(new Form(names[i] + " rax, 45", byMore, code(0x48, 0xC1, 0xC0 | i << 3, 45)));
            // with a random count the result's size matters to CF of a shift: compared in 64 bits only
            forms.add(new Form(names[i] + " rax, cl", byMore, code(0x48, 0xD3, 0xC0 | i << 3)));
            forms.add(new Form(names[i] + " eax, cl", byMore, code(0xD3, 0xC0 | i << 3)));
            forms.add(new Form(names[i] + " ax, cl", byMore & ~CF, code(0x66, 0xD3, 0xC0 | i << 3)));
            forms.add(new Form(names[i] + " al, cl", byMore & ~CF, code(0xD2, 0xC0 | i << 3)));
        }
        for (int n : new int[] {1, 5, 31}) {
            int flags = n == 1 ? ALL & ~AF : ALL & ~AF & ~OF;
            forms.add(new Form("shld rax, rdx, " + n, flags, code(0x48, 0x0F, 0xA4, RAX_RDX, n)));
            forms.add(new Form("shrd rax, rdx, " + n, flags, code(0x48, 0x0F, 0xAC, RAX_RDX, n)));
            forms.add(new Form("shld eax, edx, " + n, flags, code(0x0F, 0xA4, RAX_RDX, n)));
            forms.add(new Form("shrd [rbx], edx, " + n, flags, code(0x0F, 0xAC, AT_RBX_RDX, n)));
        }
        forms.add(new Form("shld rax, rdx, cl", ALL & ~AF & ~OF, code(0x48, 0x0F, 0xA5, RAX_RDX)));
        forms.add(new Form("shrd eax, edx, cl", ALL & ~AF & ~OF, code(0x0F, 0xAD, RAX_RDX)));
        forms.add(new Form("shld ax, dx, 5", ALL & ~AF & ~OF, code(0x66, 0x0F, 0xA4, RAX_RDX, 5)));
        forms.add(new Form("shrd ax, dx, 11", ALL & ~AF & ~OF, code(0x66, 0x0F, 0xAC, RAX_RDX, 11)));
    }

    private static void addMultiplication(List<Form> forms) {
        sized(forms, "mul rdx", CF | OF, 0xF7, 0xE2);
        sized(forms, "imul rdx", CF | OF, 0xF7, 0xEA);
        sized(forms, "mul [rbx]", CF | OF, 0xF7, 0x23);
        sized(forms, "div r8", 0, 0xF7, 0xF1);
        sized(forms, "idiv rcx", 0, 0xF7, 0xF9);
        forms.add(new Form("xor edx, edx; div rcx", 0, code(0x31, 0xD2, 0x48, 0xF7, 0xF1)));
        forms.add(new Form("cqo; idiv rcx", 0, code(0x48, 0x99, 0x48, 0xF7, 0xF9)));
        forms.add(new Form("cdq; idiv ecx", 0, code(0x99, 0xF7, 0xF9)));
        wide0f(forms, "imul rdx, rax", CF | OF, 0xAF, 0xD0);
        wide0f(forms, "imul rdx, [rbx]", CF | OF, 0xAF, AT_RBX_RDX);
        wide(forms, "imul rdx, rax, imm8", CF | OF, 0x6B, 0xD0, 0x83);
    }

    private static void addBits(List<Form> forms) {
        String[] names = {"bt", "bts", "btr", "btc"};
        for (int i = 0; i < names.length; i++) {
            wide0f(forms, names[i] + " rax, rdx", CF, 0xA3 | i << 3, RAX_RDX);
            wide0f(forms, names[i] + " rax, imm", CF, 0xBA, 0xE0 | i << 3, 0x27);
            wide0f(forms, names[i] + " [rbx], imm", CF, 0xBA, 0x23 | i << 3, 0x27);
            forms.add(new Form(
                    "movsx edx, cl; " + names[i] + " [rbx], edx",
                    CF,
                    code(0x0F, 0xBE, 0xD1, 0x0F, 0xA3 | i << 3, AT_RBX_RDX)));
            forms.add(new Form(
                    "movsx rdx, cl; " + names[i] + " [rbx], rdx",
                    CF,
                    code(0x48, 0x0F, 0xBE, 0xD1, 0x48, 0x0F, 0xA3 | i << 3, AT_RBX_RDX)));
        }
        addScans(forms);
        forms.add(new Form("bswap eax", ALL, code(0x0F, 0xC8)));
        forms.add(new Form("bswap rax", ALL, code(0x48, 0x0F, 0xC8)));
    }

    /** BSF and BSR of what is not 0: else the target is undefined to Intel. */
    private static void addScans(List<Form> forms) {
        for (int i = 0; i < SIZES.length; i++) {
            String size = " " + SIZE_NAMES[i];
            int[] prefix = SIZES[i];
            forms.add(new Form("or al, 1; bsf rdx, rax" + size, ZF, code(scan(prefix, 0xBC, 0xD0, 0x0C, 1))));
            forms.add(new Form("or al, 1; bsr rdx, rax" + size, ZF, code(scan(prefix, 0xBD, 0xD0, 0x0C, 1))));
            forms.add(new Form(
                    "or byte [rbx], 1; bsf rdx, [rbx]" + size,
                    ZF,
                    code(scan(prefix, 0xBC, AT_RBX_RDX, 0x80, 0x0B, 1))));
        }
    }

    private static int[] scan(int[] prefix, int opcode, int modRm, int... before) {
        int[] all = Arrays.copyOf(before, before.length + prefix.length + 3);
        System.arraycopy(prefix, 0, all, before.length, prefix.length);
        int at = before.length + prefix.length;
        all[at] = 0x0F;
        all[at + 1] = opcode;
        all[at + 2] = modRm;
        return all;
    }

    private static void addMoves(List<Form> forms) {
        sized(forms, "mov rax, rdx", ALL, 0x89, RAX_RDX);
        sized(forms, "mov [rbx], rdx", ALL, 0x89, AT_RBX_RDX);
        sized(forms, "mov rdx, [rbx]", ALL, 0x8B, AT_RBX_RDX);
        sized(forms, "mov rax, [rbp+8]", ALL, 0x8B, AT_RBP_RAX, 8);
        sized(forms, "mov [rbp+8], rax", ALL, 0x89, AT_RBP_RAX, 8);
        forms.add(new Form("mov ah, dh", ALL, code(0x88, 0xF4)));
        forms.add(new Form("mov [rbx], ah", ALL, code(0x88, 0x23)));
        forms.add(new Form("mov sil, dl", ALL, code(0x40, 0x88, 0xD6)));
        forms.add(new Form("mov eax, imm32", ALL, code(0xB8, 0x91, 0x92, 0x93, 0x94)));
        forms.add(new Form("mov rax, imm32", ALL, code(0x48, 0xC7, 0xC0, 0x91, 0x92, 0x93, 0x94)));
        forms.add(new Form("mov rax, imm64", ALL, code(0x48, 0xB8, 1, 2, 3, 4, 5, 6, 7, 0x88)));
        forms.add(new Form("mov r11w, imm16", ALL, code(0x66, 0x41, 0xBB, 0x34, 0x92)));
        forms.add(new Form("mov ch, imm8", ALL, code(0xB5, 0x91)));
        forms.add(new Form("mov qword [rbx], imm32", ALL, code(0x48, 0xC7, 0x03, 0x91, 0x92, 0x93, 0x94)));
        forms.add(new Form("mov word [rbx], imm16", ALL, code(0x66, 0xC7, 0x03, 0x91, 0x92)));
        forms.add(new Form("mov byte [rbx], imm8", ALL, code(0xC6, 0x03, 0x91)));
        for (int opcode : new int[] {0xB6, 0xB7, 0xBE, 0xBF}) {
            String name = (opcode < 0xB8 ? "movzx" : "movsx") + ((opcode & 1) == 0 ? "8" : "16");
            wide0f(forms, name + " rax, rdx", ALL, opcode, 0xC2);
            wide0f(forms, name + " rax, dh or si", ALL, opcode, 0xC6);
            wide0f(forms, name + " rdx, [rbx]", ALL, opcode, AT_RBX_RDX);
        }
        wide(forms, "movsxd rax, edx", ALL, 0x63, 0xC2);
        forms.add(new Form("movsxd rdx, [rbx]", ALL, code(0x48, 0x63, AT_RBX_RDX)));
        wide(forms, "cbw", ALL, 0x98);
        wide(forms, "cwd", ALL, 0x99);
        wide(forms, "lea rax, [rbx+rcx*4-5]", ALL, 0x8D, 0x44, 0x8B, 0xFB);
        wide(forms, "lea rax, [rip+0x1234]", ALL, 0x8D, 0x05, 0x34, 0x12, 0, 0);
        forms.add(new Form("lea eax, [ebx+ecx*4-5]", ALL, code(0x67, 0x8D, 0x44, 0x8B, 0xFB)));
        forms.add(new Form("lea rax, [ebx+ecx*4-5]", ALL, code(0x67, 0x48, 0x8D, 0x44, 0x8B, 0xFB)));
        forms.add(new Form("mov eax, [ebx]", ALL, code(0x67, 0x8B, 0x03)));
        forms.add(new Form("mov rax, [r12-less sib]", ALL, code(0x48, 0x8B, 0x04, 0x23)));
        forms.add(new Form("mov rax, [disp32]", ALL, code(0x48, 0x8B, 0x04, 0x25, 0x10, 0x00, 0x11, 0x00)));
        forms.add(new Form("mov eax, [rip+0x10000]", ALL, code(0x8B, 0x05, 0, 0, 1, 0)));
        forms.add(new Form("mov al, [moffs]", ALL, code(0xA0, 0x10, 0, 0x11, 0, 0, 0, 0, 0)));
        forms.add(new Form("mov rax, [rcx]", ALL, code(0x48, 0x8B, 0x01))); // faults, mostly
        forms.add(new Form("mov [rdx], rax", ALL, code(0x48, 0x89, 0x02)));
        forms.add(new Form("xlat", ALL, code(0xD7)));
        forms.add(new Form("lahf", ALL, code(0x9F)));
        forms.add(new Form("sahf", ALL, code(0x9E)));
        forms.add(new Form("clc", ALL, code(0xF8)));
        forms.add(new Form("stc", ALL, code(0xF9)));
        forms.add(new Form("cmc", ALL, code(0xF5)));
        forms.add(new Form(
                "sahf; pushfq; pop rax; and eax, 0xcd5", 0, code(0x9E, 0x9C, 0x58, 0x25, 0xD5, 0xC, 0, 0, 0x50, 0x58)));
    }

    private static void addStack(List<Form> forms) {
        forms.add(new Form("push rax; pop rdx", ALL, code(0x50, 0x5A)));
        forms.add(new Form("push ax; pop dx", ALL, code(0x66, 0x50, 0x66, 0x5A)));
        forms.add(new Form("push r12; pop r9", ALL, code(0x41, 0x54, 0x41, 0x59)));
        forms.add(new Form("push rsp; pop rax", ALL, code(0x54, 0x58)));
        forms.add(new Form("pop rsp", ALL, code(0x5C)));
        forms.add(new Form("push imm8", ALL, code(0x6A, 0x91)));
        forms.add(new Form("push imm32", ALL, code(0x68, 1, 2, 3, 0x84)));
        forms.add(new Form("push [rbx]; pop [rbx+8]", ALL, code(0xFF, 0x33, 0x8F, 0x43, 8)));
        forms.add(new Form("push rax; pop [rsp+8]", ALL, code(0x50, 0x8F, 0x44, 0x24, 8)));
        forms.add(new Form("pushfq; pop rax; and eax, 0xcd5", 0, code(0x9C, 0x58, 0x25, 0xD5, 0xC, 0, 0, 0x50, 0x58)));
        forms.add(new Form("and eax, 0x8d5; push rax; popfq", ALL, code(0x25, 0xD5, 8, 0, 0, 0x50, 0x9D)));
        forms.add(new Form("enter 16, 0; leave", ALL, code(0xC8, 16, 0, 0, 0xC9)));
        forms.add(new Form("enter 32, 3", ALL, code(0x48, 0x89, 0xE5, 0xC8, 32, 0, 3)));
        forms.add(new Form("mov rbp, rsp; leave", ALL, code(0x48, 0x89, 0xE5, 0xC9)));
        forms.add(new Form("call +1; nop", ALL, code(0xE8, 1, 0, 0, 0, 0x90)));
        forms.add(new Form("call +2; jmp +1; nop; ret-like", ALL, code(0xE8, 2, 0, 0, 0, 0xEB, 1, 0xC3)));
        forms.add(new Form("ret 8", ALL, code(0x48, 0x8D, 0x05, 4, 0, 0, 0, 0x50, 0xC2, 8, 0)));
        forms.add(new Form("jmp rax", ALL, code(0x48, 0x8D, 0x05, 3, 0, 0, 0, 0xFF, 0xE0, 0xF4)));
        forms.add(new Form("call rax", ALL, code(0x48, 0x8D, 0x05, 3, 0, 0, 0, 0xFF, 0xD0, 0xF4)));
        forms.add(new Form("hlt", ALL, code(0xF4)));
        forms.add(new Form("ud2", ALL, code(0x0F, 0x0B)));
        forms.add(new Form("lock nop", ALL, code(0xF0, 0x90)));
    }

    private static void addStrings(List<Form> forms) {
        for (int opcode : new int[] {0xA5, 0xA7, 0xAB, 0xAD, 0xAF}) {
            String name = "string %x".formatted(opcode);
            sized(forms, name, ALL, opcode);
            // a count of 0 to 31
            for (int repeat : new int[] {0xF2, 0xF3}) {
                for (int size = 0; size < 4; size++) {
                    List<Integer> bytes = new ArrayList<>(List.of(0x83, 0xE1, 0x1F, repeat));
                    if (size == 1) bytes.add(0x66);
                    if (size == 3) bytes.add(0x48);
                    bytes.add(size == 0 ? opcode - 1 : opcode);
                    // the flags are those of AND if the count is 0
                    forms.add(new Form(
                            "and ecx, 31; rep%x %s size %d".formatted(repeat, name, size),
                            ALL & ~AF,
                            code(bytes.stream().mapToInt(Integer::intValue).toArray())));
                }
            }
        }
    }

    private static void addSelfModification(List<Form> forms) {
        // mov byte [rip+1], 5; mov al, 3: the store changes the next instruction's immediate
        forms.add(new Form("patch the next", ALL, code(0xC6, 0x05, 1, 0, 0, 0, 5, 0xB0, 3)));
        // mov ecx, 2; 1: mov al, 3; mov byte [rip-8], 7; dec ecx; jnz 1b: the second turn has another immediate
        forms.add(new Form(
                "patch a loop",
                ALL,
                code(0xB9, 2, 0, 0, 0, 0xB0, 3, 0xC6, 0x05, 0xF8, 0xFF, 0xFF, 0xFF, 7, 0xFF, 0xC9, 0x75, 0xF3)));
        // cld; lea rdi, [rip+9]; mov al, 0x90; mov ecx, 2; rep stosb; inc eax, of which it makes two NOPs
        forms.add(new Form(
                "patch by rep stosb",
                ALL,
                code(0xFC, 0x48, 0x8D, 0x3D, 9, 0, 0, 0, 0xB0, 0x90, 0xB9, 2, 0, 0, 0, 0xF3, 0xAA, 0xFF, 0xC0)));
    }

    /** Comparisons of each size and form, with the branch after them. */
    private static void addComparisonsBefore(int condition, List<Form> forms) {
        int jump = 0x70 | condition;
        for (int opcode : new int[] {0x39, 0x3B, 0x85}) {
            String name = (opcode == 0x85 ? "test" : "cmp") + " %s; jcc " + condition;
            int flags = opcode == 0x85 ? ALL & ~AF : ALL;
            for (int modRm : new int[] {RAX_RDX, 0xC0, AT_RBX_RDX}) {
                String operands = "%x %x".formatted(opcode, modRm);
                forms.add(new Form(name.formatted(operands), flags, code(opcode - 1, modRm, jump, 2, 0x89, 0xC8)));
                forms.add(new Form(
                        name.formatted("66 " + operands), flags, code(0x66, opcode, modRm, jump, 2, 0x89, 0xC8)));
                forms.add(new Form(
                        name.formatted("48 " + operands), flags, code(0x48, opcode, modRm, jump, 2, 0x89, 0xC8)));
            }
        }
        forms.add(new Form("cmp ah, dl; jcc " + condition, ALL, code(0x38, 0xD4, jump, 2, 0x89, 0xC8)));
        forms.add(new Form("cmp rax, imm8; jcc " + condition, ALL, code(0x48, 0x83, 0xF8, 0x9C, jump, 2, 0x89, 0xC8)));
        forms.add(new Form("cmp al, imm8; jcc " + condition, ALL, code(0x3C, 0x80, jump, 2, 0x89, 0xC8)));
        forms.add(new Form("cmp byte [rbx], imm8; jcc " + condition, ALL, code(0x80, 0x3B, 0, jump, 2, 0x89, 0xC8)));
        forms.add(new Form("test al, imm8; jcc " + condition, ALL & ~AF, code(0xA8, 0x81, jump, 2, 0x89, 0xC8)));
        forms.add(new Form(
                "test byte [rbx], imm8; jcc " + condition, ALL & ~AF, code(0xF6, 0x03, 0x81, jump, 2, 0x89, 0xC8)));
    }

    private static void addConditions(List<Form> forms) {
        for (int condition = 0; condition < 16; condition++) {
            forms.add(new Form("setcc " + condition, ALL, code(0x0F, 0x90 | condition, 0xC0)));
            forms.add(new Form("cmovcc " + condition, ALL, code(0x48, 0x0F, 0x40 | condition, 0xC2)));
            forms.add(new Form("cmovcc32 " + condition, ALL, code(0x0F, 0x40 | condition, 0xC2)));
            forms.add(new Form("jcc " + condition, ALL, code(0x70 | condition, 2, 0x31, 0xC0)));
            forms.add(
                    new Form("cmp eax, edx; jcc " + condition, ALL, code(0x39, 0xD0, 0x70 | condition, 2, 0x89, 0xC8)));
            addComparisonsBefore(condition, forms);
            forms.add(new Form(
                    "cmp rax, rdx; setcc " + condition, ALL, code(0x48, 0x39, 0xD0, 0x0F, 0x90 | condition, 0xC1)));
        }
        forms.add(new Form(
                "and ecx, 7; or ecx, 1; 1: inc rax; loop 1b",
                ALL,
                code(0x83, 0xE1, 7, 0x83, 0xC9, 1, 0x48, 0xFF, 0xC0, 0xE2, 0xFB)));
        forms.add(new Form("jrcxz", ALL, code(0xE3, 2, 0x31, 0xC0)));
    }
}
