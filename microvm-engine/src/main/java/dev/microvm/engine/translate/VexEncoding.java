package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F2;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.Feature;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;

/**
 * Which VEX forms of instructions on vector registers exist: lengths, W, whether {@code vvvv} names
 * a register, and the feature that each needs. Intel SDM vol. 2, "Opcode/Instruction" of each, and
 * vol. 2A, 2.3.
 */
final class VexEncoding {
    private static final int L128 = 1;
    private static final int L256 = 1 << 1;
    private static final int BOTH = L128 | L256;

    /** VEX.L is ignored. */
    private static final int SCALAR = BOTH | 1 << 2;

    /** {@code vvvv} names a register. */
    private static final int VVVV = 1 << 3;

    private static final int W0 = 1 << 4;
    private static final int W1 = 1 << 5;

    /** The ModR/M operand is in memory, or a register, alone. */
    private static final int MEMORY = 1 << 6;

    private static final int REGISTER = 1 << 7;

    /** The instruction, or its 256-bit form, is one of AVX2. */
    private static final int AVX2 = 1 << 8;

    private static final int WIDE_AVX2 = 1 << 9;

    private VexEncoding() {}

    /** Whether there is an instruction on vector registers with this encoding. */
    static boolean exists(Decoded d) {
        int form = form(d);
        boolean general64 = d.rexW && (d.opcode == 0x316 || d.opcode == 0x322); // VPEXTRQ, VPINSRQ
        if (general64 && d.mode != CodeMode.BITS_64) return false;
        return (form & (d.vexL ? L256 : L128)) != 0
                && ((form & VVVV) != 0 || d.vexRegister == 0)
                && ((form & W0) == 0 || !d.rexW)
                && ((form & W1) == 0 || d.rexW)
                && ((form & MEMORY) == 0 || !d.isRegister())
                && ((form & REGISTER) == 0 || d.isRegister());
    }

    /** Whether it works on 256 bits. */
    static boolean isWide(Decoded d) {
        return d.vexL && (form(d) & SCALAR) != SCALAR;
    }

    /** Whether {@code vvvv} is its first operand, rather than the target or nothing. */
    static boolean hasFirstOperand(Decoded d) {
        return (form(d) & VVVV) != 0;
    }

    /** The feature that it needs, beside AVX. */
    static Feature feature(Decoded d) {
        int form = form(d);
        if ((form & AVX2) != 0 || ((form & WIDE_AVX2) != 0 && d.vexL)) return Feature.AVX2;
        return switch (d.opcode) {
            case 0x213, 0x31D -> Feature.F16C;
            case 0x2DB, 0x2DC, 0x2DD, 0x2DE, 0x2DF, 0x3DF -> Feature.AES;
            case 0x344 -> Feature.PCLMULQDQ;
            default -> isFused(d) ? Feature.FMA : Feature.AVX;
        };
    }

    private static boolean isFused(Decoded d) {
        int row = d.opcode & 0x2F0;
        return d.opcode >> 8 == 2 && (row == 0x290 || row == 0x2A0 || row == 0x2B0) && (d.opcode & 0xF) >= 6;
    }

    private static int form(Decoded d) {
        int prefix = d.mandatoryPrefix();
        int opcode = d.opcode & 0xFF;
        return switch (d.opcode >> 8) {
            case 1 -> after0f(d, opcode, prefix);
            case 2 -> prefix == PREFIX_66 ? after0f38(d, opcode) : 0;
            default -> prefix == PREFIX_66 ? after0f3a(opcode) : 0;
        };
    }

    private static int after0f(Decoded d, int opcode, int prefix) {
        boolean packed = prefix <= PREFIX_66;
        return switch (opcode) {
            case 0x10, 0x11 -> packed ? BOTH : d.isRegister() ? SCALAR | VVVV : SCALAR; // VMOVUPS, VMOVSS
            case 0x12 -> // VMOVLPS, VMOVHLPS; VMOVSLDUP, VMOVDDUP
                packed ? L128 | VVVV | (prefix == PREFIX_66 ? MEMORY : 0) : BOTH;
            case 0x16 -> // VMOVHPS, VMOVLHPS; VMOVSHDUP
                packed ? L128 | VVVV | (prefix == PREFIX_66 ? MEMORY : 0) : prefix == PREFIX_F3 ? BOTH : 0;
            case 0x13, 0x17 -> packed ? L128 | MEMORY : 0; // VMOVLPS, VMOVHPS
            case 0x14, 0x15, 0x54, 0x55, 0x56, 0x57, 0xC6 -> packed ? BOTH | VVVV : 0;
            case 0x28, 0x29 -> packed ? BOTH : 0; // VMOVAPS
            case 0x2B -> packed ? BOTH | MEMORY : 0; // VMOVNTPS
            case 0x2A -> packed ? 0 : SCALAR | VVVV; // VCVTSI2SS
            case 0x2C, 0x2D -> packed ? 0 : SCALAR; // VCVTTSS2SI, VCVTSS2SI
            case 0x2E, 0x2F -> packed ? SCALAR : 0; // VUCOMISS, VCOMISS
            case 0x50 -> packed ? BOTH | REGISTER : 0; // VMOVMSKPS
            case 0x51, 0x5A -> packed ? BOTH : SCALAR | VVVV; // VSQRTPS; VCVTPS2PD
            case 0x52, 0x53 -> prefix == NO_PREFIX ? BOTH : prefix == PREFIX_F3 ? SCALAR | VVVV : 0; // VRSQRTPS, VRCPPS
            case 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0xC2 -> packed ? BOTH | VVVV : SCALAR | VVVV;
            case 0x5B -> prefix != PREFIX_F2 ? BOTH : 0; // VCVTDQ2PS, VCVTPS2DQ
            case 0x7C, 0x7D, 0xD0 -> prefix == PREFIX_66 || prefix == PREFIX_F2 ? BOTH | VVVV : 0; // VHADDPD, ...
            case 0x7E -> prefix == PREFIX_66 || prefix == PREFIX_F3 ? L128 : 0; // VMOVD, VMOVQ
            case 0x6F, 0x7F -> prefix == PREFIX_66 || prefix == PREFIX_F3 ? BOTH : 0; // VMOVDQA, VMOVDQU
            case 0x70 -> prefix == NO_PREFIX ? 0 : BOTH | WIDE_AVX2; // VPSHUFD
            case 0x77 -> prefix == NO_PREFIX ? BOTH : 0; // VZEROUPPER, VZEROALL
            case 0xAE -> prefix == NO_PREFIX && (d.group() == 2 || d.group() == 3) ? L128 | MEMORY : 0; // VLDMXCSR
            case 0xE6 -> prefix == NO_PREFIX ? 0 : BOTH; // VCVTDQ2PD, VCVTPD2DQ
            case 0xF0 -> prefix == PREFIX_F2 ? BOTH | MEMORY : 0; // VLDDQU
            default -> prefix == PREFIX_66 ? integers(opcode) : 0;
        };
    }

    /** Those with the prefix 66 alone. */
    private static int integers(int opcode) {
        return switch (opcode) {
            case 0x6E, 0xD6 -> L128; // VMOVD, VMOVQ
            case 0x71, 0x72, 0x73 -> BOTH | VVVV | REGISTER | WIDE_AVX2; // shifts by an immediate
            case 0xC4 -> L128 | VVVV; // VPINSRW
            case 0xC5, 0xF7 -> L128 | REGISTER; // VPEXTRW, VMASKMOVDQU
            case 0xD7 -> BOTH | REGISTER | WIDE_AVX2; // VPMOVMSKB
            case 0xE7 -> BOTH | MEMORY; // VMOVNTDQ
            case 0xF0, 0xFF -> 0;
            default -> {
                boolean packed = (opcode >= 0x60 && opcode <= 0x6D) || (opcode >= 0x74 && opcode <= 0x76);
                yield packed || opcode >= 0xD1 ? BOTH | VVVV | WIDE_AVX2 : 0;
            }
        };
    }

    private static int after0f38(Decoded d, int opcode) {
        int loaded = d.isRegister() ? AVX2 : 0; // a broadcast from a register
        return switch (opcode) {
            case 0x0C, 0x0D -> BOTH | VVVV | W0; // VPERMILPS, VPERMILPD
            case 0x0E, 0x0F, 0x13 -> BOTH | W0; // VTESTPS, VTESTPD; VCVTPH2PS
            case 0x16, 0x36 -> L256 | VVVV | W0 | AVX2; // VPERMPS, VPERMD
            case 0x17 -> BOTH; // VPTEST
            case 0x18 -> BOTH | W0 | loaded; // VBROADCASTSS
            case 0x19 -> L256 | W0 | loaded; // VBROADCASTSD
            case 0x1A -> L256 | W0 | MEMORY; // VBROADCASTF128
            case 0x1C, 0x1D, 0x1E -> BOTH | WIDE_AVX2; // VPABSB
            case 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35 -> BOTH | WIDE_AVX2;
            case 0x28, 0x29, 0x2B -> BOTH | VVVV | WIDE_AVX2; // VPMULDQ, VPCMPEQQ, VPACKUSDW
            case 0x2A -> BOTH | MEMORY | WIDE_AVX2; // VMOVNTDQA
            case 0x2C, 0x2D, 0x2E, 0x2F -> BOTH | VVVV | W0 | MEMORY; // VMASKMOVPS
            case 0x41, 0xDB -> L128; // VPHMINPOSUW, VAESIMC
            case 0x45, 0x47 -> BOTH | VVVV | AVX2; // VPSRLVD, VPSLLVD
            case 0x46 -> BOTH | VVVV | W0 | AVX2; // VPSRAVD
            case 0x58, 0x59, 0x78, 0x79 -> BOTH | W0 | AVX2; // VPBROADCASTD
            case 0x5A -> L256 | W0 | MEMORY | AVX2; // VBROADCASTI128
            case 0x8C, 0x8E, 0x90, 0x91, 0x92, 0x93 -> BOTH | VVVV | MEMORY | AVX2; // VPMASKMOVD; gathers
            case 0xDC, 0xDD, 0xDE, 0xDF -> L128 | VVVV; // VAESENC
            default -> {
                if (opcode <= 0x0B || (opcode >= 0x37 && opcode <= 0x40)) yield BOTH | VVVV | WIDE_AVX2;
                if (!isFused(d)) yield 0;
                boolean scalar = (opcode & 9) == 9;
                yield scalar ? SCALAR | VVVV : BOTH | VVVV;
            }
        };
    }

    private static int after0f3a(int opcode) {
        return switch (opcode) {
            case 0x00, 0x01 -> L256 | W1 | AVX2; // VPERMQ, VPERMPD
            case 0x02 -> BOTH | VVVV | W0 | AVX2; // VPBLENDD
            case 0x04, 0x05, 0x1D -> BOTH | W0; // VPERMILPS, VPERMILPD; VCVTPS2PH
            case 0x06, 0x18 -> L256 | VVVV | W0; // VPERM2F128, VINSERTF128
            case 0x08, 0x09 -> BOTH; // VROUNDPS, VROUNDPD
            case 0x0A, 0x0B -> SCALAR | VVVV; // VROUNDSS, VROUNDSD
            case 0x0C, 0x0D, 0x40 -> BOTH | VVVV; // VBLENDPS, VBLENDPD; VDPPS
            case 0x0E, 0x0F, 0x42 -> BOTH | VVVV | WIDE_AVX2; // VPBLENDW, VPALIGNR; VMPSADBW
            case 0x14, 0x15 -> L128; // VPEXTRB, VPEXTRW
            case 0x16, 0x17, 0x60, 0x61, 0x62, 0x63, 0xDF -> L128; // VPEXTRD; VPCMPESTRM; VAESKEYGENASSIST
            case 0x19 -> L256 | W0; // VEXTRACTF128
            case 0x20 -> L128 | VVVV; // VPINSRB
            case 0x21, 0x22, 0x41, 0x44 -> L128 | VVVV; // VINSERTPS, VPINSRD, VDPPD, VPCLMULQDQ
            case 0x38, 0x46 -> L256 | VVVV | W0 | AVX2; // VINSERTI128, VPERM2I128
            case 0x39 -> L256 | W0 | AVX2; // VEXTRACTI128
            case 0x4A, 0x4B -> BOTH | VVVV | W0; // VBLENDVPS, VBLENDVPD
            case 0x4C -> BOTH | VVVV | W0 | WIDE_AVX2; // VPBLENDVB
            default -> 0;
        };
    }
}
