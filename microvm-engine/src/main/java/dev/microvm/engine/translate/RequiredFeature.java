package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F2;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.Feature;
import dev.microvm.engine.cpu.Features;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import org.jspecify.annotations.Nullable;

/**
 * Which feature an instruction needs: without it the instruction is #UD. Instructions that a bit of
 * CR4 or EFER enables need the feature too, for a bit that the host set.
 *
 * <p>Source: Intel SDM vol. 2, "CPUID Feature Flag" of each instruction; AMD APM vol. 3 and 4,
 * "Invalid opcode, #UD", of each.
 */
final class RequiredFeature {
    private static final int BSF = 0x1BC;
    private static final int BSR = 0x1BD;

    private RequiredFeature() {}

    /**
     * LZCNT and TZCNT are BSR and BSF with a prefix, which a processor that does not know them
     * ignores.
     */
    static void ignoreUnknownPrefix(Decoded d, Features features) {
        boolean leading = d.opcode == BSR && !features.has(Feature.LZCNT);
        boolean trailing = d.opcode == BSF && !features.has(Feature.BMI1);
        if (leading || trailing) d.repeat = false;
    }

    /** The feature that an instruction needs; null if every processor has it, or no one. */
    static @Nullable Feature of(Decoded d) {
        if (d.vex) return vex(d);
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d);
            case 1 -> after0f(d);
            case 2 -> after0f38(d);
            case 3 -> after0f3a(d.opcode & 0xFF);
            default -> null;
        };
    }

    private static @Nullable Feature vex(Decoded d) {
        return switch (d.opcode) {
            case 0x2F2, 0x2F3 -> Feature.BMI1; // ANDN, BLSR, BLSMSK, BLSI
            case 0x2F7 -> d.mandatoryPrefix() == NO_PREFIX ? Feature.BMI1 : Feature.BMI2; // BEXTR; SHLX, SARX, SHRX
            case 0x2F5, 0x2F6, 0x3F0 -> Feature.BMI2; // BZHI, PEXT, PDEP, MULX, RORX
            default -> null;
        };
    }

    private static @Nullable Feature oneByte(Decoded d) {
        return switch (d.opcode) {
            case 0x9E, 0x9F -> d.mode == CodeMode.BITS_64 ? Feature.LAHF_LM : null; // SAHF, LAHF
            case 0xD8, 0xD9, 0xDC, 0xDE -> Feature.FPU;
            case 0xDA -> d.isRegister() && d.group() <= 3 ? Feature.CMOV : Feature.FPU; // FCMOVcc
            case 0xDB, 0xDD, 0xDF -> d.isRegister() ? comparisonOrMove(d) : integerStore(d);
            default -> null;
        };
    }

    /** FCMOVcc, FCOMI, FUCOMI, and those that pop. */
    private static Feature comparisonOrMove(Decoded d) {
        boolean moves = d.opcode == 0xDB && d.group() <= 3;
        boolean compares = d.opcode != 0xDD && (d.group() == 5 || d.group() == 6);
        return moves || compares ? Feature.CMOV : Feature.FPU;
    }

    private static Feature integerStore(Decoded d) {
        return d.group() == 1 ? Feature.SSE3 : Feature.FPU; // FISTTP
    }

    private static @Nullable Feature after0f(Decoded d) {
        int opcode = d.opcode & 0xFF;
        return switch (opcode) {
            case 0x01 -> d.isRegister() ? group7(d) : null;
            case 0x05, 0x07 -> Feature.SYSCALL; // SYSCALL, SYSRET
            case 0x20, 0x22 -> d.lock ? Feature.CR8_LEGACY : null; // MOV CR8
            case 0x30, 0x32 -> Feature.MSR; // WRMSR, RDMSR
            case 0x31 -> Feature.TSC; // RDTSC
            case 0x34, 0x35 -> Feature.SEP; // SYSENTER, SYSEXIT
            case 0xAE -> d.isRegister() ? group15Register(d) : group15Memory(d);
            case 0xB8 -> d.repeat ? Feature.POPCNT : null;
            case 0xC3 -> Feature.SSE2; // MOVNTI
            case 0xC7 -> group9(d);
            default -> opcode >> 4 == 4 ? Feature.CMOV : vector(opcode, d.mandatoryPrefix());
        };
    }

    private static @Nullable Feature group7(Decoded d) {
        return switch (d.group()) {
            case 1 -> Feature.SMAP; // CLAC, STAC
            case 2 -> Feature.XSAVE; // XGETBV, XSETBV
            case 7 -> (d.rm & 7) == 0 ? Feature.LM : Feature.RDTSCP; // SWAPGS
            default -> null;
        };
    }

    private static Feature group15Register(Decoded d) {
        if (d.mandatoryPrefix() == PREFIX_F3) return Feature.FSGSBASE;
        return d.group() == 7 ? Feature.SSE : Feature.SSE2; // SFENCE; LFENCE, MFENCE
    }

    private static Feature group15Memory(Decoded d) {
        boolean prefixed = d.mandatoryPrefix() == PREFIX_66;
        return switch (d.group()) {
            case 0, 1 -> Feature.FXSR; // FXSAVE, FXRSTOR
            case 2, 3 -> Feature.SSE; // LDMXCSR, STMXCSR
            case 4, 5 -> Feature.XSAVE; // XSAVE, XRSTOR
            case 6 -> prefixed ? Feature.CLWB : Feature.XSAVEOPT;
            default -> prefixed ? Feature.CLFLUSHOPT : Feature.CLFLUSH;
        };
    }

    private static Feature group9(Decoded d) {
        if (d.isRegister()) {
            if (d.group() == 6) return Feature.RDRAND;
            return d.mandatoryPrefix() == PREFIX_F3 ? Feature.RDPID : Feature.RDSEED;
        }
        if (d.group() == 4) return Feature.XSAVEC;
        return d.rexW ? Feature.CX16 : Feature.CX8;
    }

    /** MMX, and SSE to SSE3, of the opcodes after 0F: Intel SDM vol. 2D, table A-3. */
    private static @Nullable Feature vector(int opcode, int prefix) {
        boolean floats = (opcode >= 0x10 && opcode <= 0x17)
                || (opcode >= 0x28 && opcode <= 0x2F)
                || (opcode >= 0x50 && opcode <= 0x5F)
                || opcode == 0xC2
                || opcode == 0xC6;
        boolean integers = (opcode >= 0x60 && opcode <= 0x7F)
                || opcode == 0xC4
                || opcode == 0xC5
                || (opcode >= 0xD0 && opcode <= 0xFE);
        if (!floats && !integers) return null;
        boolean sse3 = switch (opcode) {
            case 0x12 -> prefix == PREFIX_F2 || prefix == PREFIX_F3; // MOVDDUP, MOVSLDUP
            case 0x16 -> prefix == PREFIX_F3; // MOVSHDUP
            case 0x7C, 0x7D, 0xD0 -> true; // HADDPS, HSUBPS, ADDSUBPS
            case 0xF0 -> true; // LDDQU
            default -> false;
        };
        if (sse3) return Feature.SSE3;
        if (prefix == PREFIX_66 || prefix == PREFIX_F2) return Feature.SSE2;
        if (floats) return opcode == 0x5A || opcode == 0x5B ? Feature.SSE2 : Feature.SSE; // conversions of doubles
        return prefix == PREFIX_F3 ? Feature.SSE2 : mmx(opcode);
    }

    /** What works on MMX registers, some of which came with SSE and SSE2. */
    private static Feature mmx(int opcode) {
        return switch (opcode) {
            case 0x70, 0xC4, 0xC5, 0xD7 -> Feature.SSE; // PSHUFW, PINSRW, PEXTRW, PMOVMSKB
            case 0xDA, 0xDE, 0xEA, 0xEE -> Feature.SSE; // PMINUB, PMAXUB, PMINSW, PMAXSW
            case 0xE0, 0xE3, 0xE4, 0xE7, 0xF6, 0xF7 -> Feature.SSE; // PAVGB/W, PMULHUW, MOVNTQ, PSADBW, MASKMOVQ
            case 0xD4, 0xF4, 0xFB -> Feature.SSE2; // PADDQ, PMULUDQ, PSUBQ
            default -> Feature.MMX;
        };
    }

    private static Feature after0f38(Decoded d) {
        int opcode = d.opcode & 0xFF;
        return switch (opcode) {
            case 0x82 -> Feature.INVPCID;
            case 0xF0, 0xF1 -> d.mandatoryPrefix() == PREFIX_F2 ? Feature.SSE4_2 : Feature.MOVBE; // CRC32
            case 0xF6 -> Feature.ADX; // ADCX, ADOX
            case 0x37 -> Feature.SSE4_2; // PCMPGTQ
            case 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD -> Feature.SHA; // SHA1NEXTE to SHA256MSG2
            case 0xDB, 0xDC, 0xDD, 0xDE, 0xDF -> Feature.AES; // AESIMC to AESDECLAST
            default -> opcode <= 0x0B || (opcode >= 0x1C && opcode <= 0x1E) ? Feature.SSSE3 : Feature.SSE4_1;
        };
    }

    private static Feature after0f3a(int opcode) {
        return switch (opcode) {
            case 0x0F -> Feature.SSSE3; // PALIGNR
            case 0x44 -> Feature.PCLMULQDQ;
            case 0x60, 0x61, 0x62, 0x63 -> Feature.SSE4_2; // PCMPESTRM to PCMPISTRI
            case 0xCC -> Feature.SHA; // SHA1RNDS4
            case 0xDF -> Feature.AES; // AESKEYGENASSIST
            default -> Feature.SSE4_1;
        };
    }
}
