/* Integers, floats, long doubles, conversions and SSE intrinsics. No result depends on the processor: of the functions of
   the x87 only those that are exact are used. */
#define _GNU_SOURCE
#include <emmintrin.h>
#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t next(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
}

static double real(void) { /* of all signs and some sixty magnitudes */
    return ldexp((double)(int64_t)next(), (int)(next() % 60) - 90);
}

static uint64_t digest = 14695981039346656037u; /* FNV-1a, 64 bits */

static void add(const void *bytes, size_t n) {
    for (const unsigned char *p = bytes; n-- > 0; p++) digest = (digest ^ *p) * 1099511628211u;
}

#define ADD(value)                    \
    do {                              \
        __typeof__(value) v_ = (value); \
        add(&v_, sizeof v_);          \
    } while (0)

static void add_extended(long double value) { add(&value, 10); /* the rest is padding */ }

static void part(const char *name) {
    printf("%-12s %016" PRIx64 "\n", name, digest);
    digest = 14695981039346656037u;
}

static void integers(void) {
    for (int i = 0; i < 20000; i++) {
        int64_t a = (int64_t)next(), b = (int64_t)next() >> next() % 63;
        if (b == 0 || b == -1) b = 3;
        ADD(a / b);
        ADD(a % b);
        ADD((uint64_t)a / (uint64_t)b);
        ADD((int32_t)a / ((int32_t)(b | 1) == -1 ? 7 : (int32_t)(b | 1)));
        ADD((uint16_t)a * (int8_t)b);
        ADD((__int128)a * b);
        ADD((unsigned __int128)a * (uint64_t)b / 12345678901u);
        ADD(a << (b & 63) | (uint64_t)a >> (-b & 63));
        ADD(__builtin_popcountll(a) + __builtin_clzll(a | 1) + __builtin_ctzll(b | 1 << 20));
        ADD(__builtin_bswap64(a) ^ __builtin_bswap32(b));
        int64_t sum;
        ADD(__builtin_add_overflow(a, b, &sum) + 2 * __builtin_mul_overflow(a, b, &sum));
        ADD(a < b ? a : (uint64_t)a > (uint64_t)b ? b : a - b);
    }
    part("integers");
}

static void floats(void) {
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    for (int i = 0; i < 20000; i++) {
        double a = real(), b = real();
        float c = (float)a, d = (float)b;
        fesetround(modes[i % 4]);
        feclearexcept(FE_ALL_EXCEPT);
        ADD(a + b);
        ADD(a - b);
        ADD(a * b);
        ADD(a / b);
        ADD(sqrt(fabs(a)));
        ADD(c + d);
        ADD(c * d);
        ADD(c / d);
        ADD(sqrtf(fabsf(c)));
        ADD(a * 1e-300 * 1e-20);
        ADD(rint(a));
        ADD(lrint(fmod(a, 1e15)));
        ADD((int64_t)fmod(b, 9e18));
        ADD((uint64_t)fabs(fmod(b, 9e18)));
        ADD((int32_t)fmodf(d, 2e9f));
        ADD((double)(int64_t)next());
        ADD((double)next());
        ADD((float)(int64_t)next());
        ADD((float)a);
        ADD(floor(a) + ceil(b) + trunc(a));
        ADD(fma(a, b, 1.0));
        ADD(remainder(a, b));
        ADD(a < b);
        ADD(isunordered(a, i % 3 == 0 ? NAN : b));
        ADD(fetestexcept(FE_ALL_EXCEPT));
    }
    fesetround(FE_TONEAREST);
    part("floats");
    for (int i = 0; i < 5000; i++) {
        double a = fmod(real(), 50);
        ADD(sin(a));
        ADD(cos(a));
        ADD(tan(a));
        ADD(exp(a));
        ADD(log(fabs(a) + 0.01));
        ADD(pow(fabs(a), 1.7));
        ADD(atan(a));
        ADD(asinh(a));
        ADD(cbrt(a));
        ADD(erf(a));
        ADD(tgamma(a));
        ADD(expf((float)a));
        ADD(sinf((float)a));
    }
    part("functions");
}

static void long_doubles(void) {
    for (int i = 0; i < 20000; i++) {
        long double a = (long double)real() + ldexpl((long double)(int64_t)next(), -80), b = (long double)real() * real();
        add_extended(a + b);
        add_extended(a - b);
        add_extended(a * b);
        add_extended(a / b);
        add_extended(sqrtl(fabsl(a)));
        add_extended(fmodl(a, b));
        add_extended(remainderl(b, a));
        add_extended(rintl(a) + floorl(b) + truncl(a) + ceill(b));
        add_extended(scalbnl(frexpl(a, &(int){0}), i % 100));
        add_extended((long double)next());
        add_extended((long double)(int64_t)next());
        ADD((int64_t)fmodl(a, 9e18L));
        ADD((uint64_t)fabsl(fmodl(b, 9e18L)));
        ADD((double)a);
        ADD((float)b);
        ADD(a < b);
        ADD(llrintl(fmodl(a, 1e18L)));
    }
    part("long double");
}

static void text(void) {
    char line[400];
    for (int i = 0; i < 2000; i++) {
        double a = real();
        long double b = (long double)real() * real();
        int n = snprintf(line, sizeof line, "%.17g %e %a %Lg %.30Lf %La %" PRId64 " %#x %o %.3s", a, a, a, b, fmodl(b, 1e20L), b,
                (int64_t)next(), (unsigned)next(), (unsigned)next(), "text");
        add(line, (size_t)n);
        ADD(strtod(line, NULL) == a);
        add_extended(strtold(strrchr(line, 'x') ? line : "1", NULL));
        if (i % 500 == 0) puts(line);
    }
    part("text");
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void memory(void) {
    static double values[20000];
    static char from[70000], to[70000];
    for (int i = 0; i < 20000; i++) values[i] = real();
    qsort(values, 20000, sizeof *values, descending);
    add(values, sizeof values);
    for (size_t i = 0; i < sizeof from; i++) from[i] = (char)(next() >> 32);
    for (int i = 0; i < 3000; i++) {
        size_t n = next() % (i % 100 == 0 ? 60000 : 300), at = next() % 5000, put = next() % 5000;
        memcpy(to + put, from + at, n);
        memmove(to + put / 2, to + put, n);
        memset(to + at, i, n / 3);
        from[at + n] = 0;
        ADD(strlen(from + at));
        ADD(memcmp(from + at, to + put, n) > 0);
        ADD((char *)memchr(from + put, i, sizeof from - put) - from);
        ADD(strcmp(from + at, from + put) > 0);
        strncpy(to + at, from + put, n);
        ADD(strspn(from + at, "abcdefgh") + strcspn(from + at, "xyz\x80"));
    }
    add(to, sizeof to);
    part("memory");
}

static void vectors(void) {
    __m128i x = _mm_set_epi64x((int64_t)next(), (int64_t)next());
    __m128d p = _mm_set_pd(real(), real());
    __m128 q = _mm_set_ps((float)real(), 3.5f, -2.25f, (float)real());
    for (int i = 0; i < 20000; i++) {
        __m128i y = _mm_set_epi64x((int64_t)next(), (int64_t)next());
        ADD(_mm_add_epi8(x, y));
        ADD(_mm_adds_epu8(x, y));
        ADD(_mm_subs_epi16(x, y));
        ADD(_mm_mulhi_epi16(x, y));
        ADD(_mm_mulhi_epu16(x, y));
        ADD(_mm_madd_epi16(x, y));
        ADD(_mm_mul_epu32(x, y));
        ADD(_mm_sad_epu8(x, y));
        ADD(_mm_avg_epu8(x, y));
        ADD(_mm_min_epi16(x, y));
        ADD(_mm_max_epu8(x, y));
        ADD(_mm_packs_epi32(x, y));
        ADD(_mm_packus_epi16(x, y));
        ADD(_mm_unpackhi_epi8(x, y));
        ADD(_mm_unpacklo_epi32(x, y));
        ADD(_mm_shuffle_epi32(x, 0x1b));
        ADD(_mm_shufflehi_epi16(y, 0xc6));
        ADD(_mm_cmpgt_epi32(x, y));
        ADD(_mm_movemask_epi8(y));
        ADD(_mm_sll_epi32(x, _mm_cvtsi32_si128(i % 40)));
        ADD(_mm_sra_epi16(y, _mm_cvtsi32_si128(i % 20)));
        ADD(_mm_srli_si128(x, 5));
        ADD(_mm_insert_epi16(x, i, 3));
        __m128d r = _mm_set_pd(real(), real());
        ADD(_mm_add_pd(p, r));
        ADD(_mm_div_pd(p, r));
        ADD(_mm_min_pd(p, r));
        ADD(_mm_cmplt_pd(p, r));
        ADD(_mm_shuffle_pd(p, r, 1));
        ADD(_mm_cvtpd_epi32(r));
        ADD(_mm_cvtps_epi32(q));
        __m128 s = _mm_cvtepi32_ps(y);
        ADD(_mm_mul_ps(q, s));
        ADD(_mm_sub_ps(s, q));
        ADD(_mm_sqrt_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), s)));
        ADD(_mm_cmpnle_ps(q, s));
        ADD(_mm_movemask_ps(s));
        ADD(_mm_unpacklo_ps(q, s));
        ADD(_mm_comilt_sd(p, r));
        ADD(_mm_cvttsd_si64(_mm_set_sd((double)i * 1e12)));
        x = _mm_xor_si128(_mm_slli_epi64(x, 3), y);
        p = _mm_mul_pd(r, _mm_set1_pd(0.75));
        q = _mm_shuffle_ps(s, q, 0x4e);
    }
    part("vectors");
}

static sigjmp_buf back;
static volatile int last;

static void caught(int number, siginfo_t *info, void *context) {
    (void)context;
    last = number * 100 + info->si_code;
    siglongjmp(back, 1);
}

int main(void);

static void faults(void) { /* what the processor refuses comes back as the right signal and code */
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    static const int numbers[] = {SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
    volatile uintptr_t low = 16;
    volatile int one = 1, zero = 0;
    if (!sigsetjmp(back, 1)) printf("%d", one / zero);
    printf("divide by zero: %d\n", last);
    if (!sigsetjmp(back, 1)) *(volatile char *)low = 1;
    printf("write to 16: %d\n", last);
    if (!sigsetjmp(back, 1)) *(volatile char *)main = 1;
    printf("write to code: %d\n", last);
    if (!sigsetjmp(back, 1)) __asm__ volatile("ud2");
    printf("ud2: %d\n", last);
    if (!sigsetjmp(back, 1)) __asm__ volatile("int3");
    printf("int3: %d\n", last);
    if (!sigsetjmp(back, 1)) __asm__ volatile("cli");
    printf("cli: %d\n", last);
    if (!sigsetjmp(back, 1)) *(volatile char *)0x8000000000000000 = 1;
    printf("write to no address: %d\n", last);
    volatile double none = 0;
    feenableexcept(FE_DIVBYZERO | FE_INVALID);
    if (!sigsetjmp(back, 1)) printf("%f", 1 / none);
    printf("divide 1.0 by zero: %d\n", last);
    volatile long double wide = 0;
    feenableexcept(FE_INVALID); /* a handler starts with none, and we never returned from it */
    if (!sigsetjmp(back, 1)) printf("%Lf", wide / wide);
    printf("divide 0.0L by zero: %d\n", last);
    fedisableexcept(FE_ALL_EXCEPT);
}

int main(void) {
    integers();
    floats();
    long_doubles();
    text();
    memory();
    vectors();
    faults();
    return 0;
}
