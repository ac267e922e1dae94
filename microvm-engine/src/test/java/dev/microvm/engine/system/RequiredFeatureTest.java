package dev.microvm.engine.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.engine.cpu.Feature;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Instructions that are #UD where CPUID hides their feature: Intel SDM vol. 2. */
final class RequiredFeatureTest extends FeatureProbes {
    /**
     * Instructions that are #UD without a feature. RAX points at data, RCX and RDX are 0.
     *
     * @param listing what needs the feature
     */
    record Code(Feature feature, String listing) {}

    private static final List<Code> INSTRUCTIONS = List.of(
            new Code(Feature.FPU, """
                    // .code64
                    db e3 // fninit
                    """),
            new Code(Feature.FPU, """
                    // .code64
                    dd 18 // fstpl (%rax)
                    """),
            new Code(Feature.TSC, """
                    // .code64
                    0f 31 // rdtsc
                    """),
            new Code(Feature.MSR, """
                    // .code64
                    b1 10 // mov $0x10, %cl
                    0f 32 // rdmsr
                    """),
            new Code(Feature.CX8, """
                    // .code64
                    0f c7 08 // cmpxchg8b (%rax)
                    """),
            new Code(Feature.CX16, """
                    // .code64
                    48 0f c7 08 // cmpxchg16b (%rax)
                    """),
            new Code(Feature.CMOV, """
                    // .code64
                    0f 44 d8 // cmove %eax, %ebx
                    """),
            new Code(Feature.CMOV, """
                    // .code64
                    da c9 // fcmove %st(1), %st
                    """),
            new Code(Feature.CMOV, """
                    // .code64
                    df f1 // fcomip %st(1), %st
                    """),
            new Code(Feature.CLFLUSH, """
                    // .code64
                    0f ae 38 // clflush (%rax)
                    """),
            new Code(Feature.CLFLUSHOPT, """
                    // .code64
                    66 0f ae 38 // clflushopt (%rax)
                    """),
            new Code(Feature.CLWB, """
                    // .code64
                    66 0f ae 30 // clwb (%rax)
                    """),
            new Code(Feature.MMX, """
                    // .code64
                    0f ef c0 // pxor %mm0, %mm0
                    """),
            new Code(Feature.FXSR, """
                    // .code64
                    0f ae 00 // fxsave (%rax)
                    """),
            new Code(Feature.SSE, """
                    // .code64
                    0f 57 c0 // xorps %xmm0, %xmm0
                    """),
            new Code(Feature.SSE, """
                    // .code64
                    0f da c0 // pminub %mm0, %mm0
                    """),
            new Code(Feature.SSE, """
                    // .code64
                    0f ae f8 // sfence
                    """),
            new Code(Feature.SSE, """
                    // .code64
                    0f ae 18 // stmxcsr (%rax)
                    """),
            new Code(Feature.SSE2, """
                    // .code64
                    66 0f ef c0 // pxor %xmm0, %xmm0
                    """),
            new Code(Feature.SSE2, """
                    // .code64
                    f2 0f 58 c0 // addsd %xmm0, %xmm0
                    """),
            new Code(Feature.SSE2, """
                    // .code64
                    0f 5a c0 // cvtps2pd %xmm0, %xmm0
                    """),
            new Code(Feature.SSE2, """
                    // .code64
                    0f d4 c0 // paddq %mm0, %mm0
                    """),
            new Code(Feature.SSE2, """
                    // .code64
                    0f c3 10 // movnti %edx, (%rax)
                    """),
            new Code(Feature.SSE2, """
                    // .code64
                    0f ae f0 // mfence
                    """),
            new Code(Feature.SSE3, """
                    // .code64
                    f2 0f 7c c0 // haddps %xmm0, %xmm0
                    """),
            new Code(Feature.SSE3, """
                    // .code64
                    f2 0f 12 c0 // movddup %xmm0, %xmm0
                    """),
            new Code(Feature.SSE3, """
                    // .code64
                    db 08 // fisttpl (%rax)
                    """),
            new Code(Feature.SSSE3, """
                    // .code64
                    0f 38 00 c0 // pshufb %mm0, %mm0
                    """),
            new Code(Feature.SSSE3, """
                    // .code64
                    66 0f 3a 0f c0 01 // palignr $1, %xmm0, %xmm0
                    """),
            new Code(Feature.SSE4_1, """
                    // .code64
                    66 0f 38 17 c0 // ptest %xmm0, %xmm0
                    """),
            new Code(Feature.SSE4_1, """
                    // .code64
                    66 0f 3a 14 c2 01 // pextrb $1, %xmm0, %edx
                    """),
            new Code(Feature.SSE4_2, """
                    // .code64
                    66 0f 38 37 c0 // pcmpgtq %xmm0, %xmm0
                    """),
            new Code(Feature.SSE4_2, """
                    // .code64
                    f2 0f 38 f1 d1 // crc32 %ecx, %edx
                    """),
            new Code(Feature.SSE4_2, """
                    // .code64
                    66 0f 3a 63 c0 01 // pcmpistri $1, %xmm0, %xmm0
                    """),
            new Code(Feature.MOVBE, """
                    // .code64
                    0f 38 f0 10 // movbe (%rax), %edx
                    """),
            new Code(Feature.POPCNT, """
                    // .code64
                    f3 0f b8 d0 // popcnt %eax, %edx
                    """),
            new Code(Feature.XSAVE, """
                    // .code64
                    0f 01 d0 // xgetbv
                    """),
            new Code(Feature.XSAVE, """
                    // .code64
                    0f ae 20 // xsave (%rax)
                    """),
            new Code(Feature.XSAVEOPT, """
                    // .code64
                    0f ae 30 // xsaveopt (%rax)
                    """),
            new Code(Feature.XSAVEC, """
                    // .code64
                    0f c7 20 // xsavec (%rax)
                    """),
            new Code(Feature.FSGSBASE, """
                    // .code64
                    f3 48 0f ae c1 // rdfsbase %rcx
                    """),
            new Code(Feature.BMI1, """
                    // .code64
                    c4 e2 78 f2 d0 // andn %eax, %eax, %edx
                    """),
            new Code(Feature.BMI1, """
                    // .code64
                    c4 e2 70 f7 d0 // bextr %ecx, %eax, %edx
                    """),
            new Code(Feature.BMI2, """
                    // .code64
                    c4 e2 71 f7 d0 // shlx %ecx, %eax, %edx
                    """),
            new Code(Feature.BMI2, """
                    // .code64
                    c4 e3 7b f0 d0 01 // rorx $1, %eax, %edx
                    """),
            new Code(Feature.INVPCID, """
                    // .code64
                    b1 02          // mov $2, %cl
                    66 0f 38 82 08 // invpcid (%rax), %rcx
                    """),
            new Code(Feature.ADX, """
                    // .code64
                    66 0f 38 f6 d0 // adcx %eax, %edx
                    """),
            new Code(Feature.PCLMULQDQ, """
                    // .code64
                    66 0f 3a 44 c0 00 // pclmullqlqdq %xmm0, %xmm0
                    """),
            new Code(Feature.AES, """
                    // .code64
                    66 0f 38 dc c0 // aesenc %xmm0, %xmm0
                    """),
            new Code(Feature.AES, """
                    // .code64
                    66 0f 3a df c0 01 // aeskeygenassist $1, %xmm0, %xmm0
                    """),
            new Code(Feature.SHA, """
                    // .code64
                    0f 38 cc c1 // sha256msg1 %xmm1, %xmm0
                    """),
            new Code(Feature.SHA, """
                    // .code64
                    0f 3a cc c1 01 // sha1rnds4 $1, %xmm1, %xmm0
                    """),
            new Code(Feature.RDRAND, """
                    // .code64
                    48 0f c7 f2 // rdrand %rdx
                    """),
            new Code(Feature.RDSEED, """
                    // .code64
                    48 0f c7 fa // rdseed %rdx
                    """),
            new Code(Feature.SMAP, """
                    // .code64
                    0f 01 cb // stac
                    """),
            new Code(Feature.RDPID, """
                    // .code64
                    f3 0f c7 fa // rdpid %rdx
                    """),
            new Code(Feature.RDTSCP, """
                    // .code64
                    0f 01 f9 // rdtscp
                    """),
            new Code(Feature.LM, """
                    // .code64
                    0f 01 f8 // swapgs
                    """),
            new Code(Feature.LAHF_LM, """
                    // .code64
                    9f // lahf
                    """),
            new Code(Feature.CR8_LEGACY, """
                    // .code64
                    f0 0f 20 c0 // .byte 0xf0, 0x0f, 0x20, 0xc0
                    """));

    /** The features that an instruction here needs. */
    static List<Feature> features() {
        return INSTRUCTIONS.stream().map(Code::feature).toList();
    }

    static List<Code> instructions() {
        return INSTRUCTIONS;
    }

    @ParameterizedTest
    @MethodSource("instructions")
    void executesAnInstruction_whereItsFeatureIsAnnounced_only(Code code) {
        assertThat(vector(guest(), code.listing())).isEqualTo(End.DONE);
        assertThat(vector(guest(code.feature()), code.listing())).isEqualTo(UD);
    }
}
