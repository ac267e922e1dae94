/*
 * Loops that a compiler makes vector instructions of, for -march=x86-64-v3 -O3, and functions of the C library that choose
 * those by the processor. Prints bits of all results; the same program on another processor must print the same.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 48, WORDS = 4096, TEXT = 300 };

static uint64_t state = 88172645463325252ULL;

/* Marsaglia's xorshift: Journal of Statistical Software 8 (14), 2003. */
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t hash(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t h = 14695981039346656037ULL; /* FNV-1a */
    while (size--) h = (h ^ *at++) * 1099511628211ULL;
    return h;
}

#define SHOW(name, what) printf("%s %016llx\n", name, (unsigned long long)hash(what, sizeof(what)))

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];
static float f[WORDS], g[WORDS], h[WORDS];
static double d[WORDS];
static int32_t i32[WORDS], j32[WORDS], k32[WORDS];
static uint8_t u8[WORDS], v8[WORDS], w8[WORDS];
static int16_t i16[WORDS], j16[WORDS], k16[WORDS];
static uint64_t u64[WORDS];
static _Float16 half[WORDS];

static void multiply(void)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = (double)(int64_t)next() * 0x1p-40;
            b[i][j] = (double)(int64_t)next() * 0x1p-70;
        }
    for (int i = 0; i < SIZE; i++)
        for (int k = 0; k < SIZE; k++)
            for (int j = 0; j < SIZE; j++) c[i][j] += a[i][k] * b[k][j];
    SHOW("matrix", c);
}

static void fill(void)
{
    for (int i = 0; i < WORDS; i++) {
        u64[i] = next();
        f[i] = (float)(int32_t)next() * 0x1p-20f;
        g[i] = (float)(int32_t)next() * 0x1p-33f + 0.25f;
        i32[i] = (int32_t)next();
        j32[i] = (int32_t)(next() % WORDS);
        u8[i] = (uint8_t)next();
        v8[i] = (uint8_t)next();
        i16[i] = (int16_t)next();
        j16[i] = (int16_t)next();
    }
}

static void floats(void)
{
    for (int i = 0; i < WORDS; i++) h[i] = f[i] / g[i] + sqrtf(fabsf(f[i])) * g[i];
    SHOW("floats", h);
    for (int i = 0; i < WORDS; i++) h[i] = f[i] > g[i] ? floorf(f[i]) : g[i] - f[i];
    SHOW("choices", h);
    for (int i = 0; i < WORDS; i++) d[i] = f[j32[i]] * 3.0 + (double)i32[i];
    SHOW("gathered", d);
    for (int i = 0; i < WORDS; i++) k32[i] = (int32_t)(d[i] * 0x1p-3);
    SHOW("converted", k32);
    for (int i = 0; i < WORDS; i++) half[i] = (_Float16)f[i];
    for (int i = 0; i < WORDS; i++) h[i] = (float)half[i] + 1.0f;
    SHOW("halves", h);
}

static void integers(void)
{
    for (int i = 0; i < WORDS; i++) k32[i] = i32[i] * 77 + (i32[i] >> (j32[i] & 31)) - i32[j32[i]];
    SHOW("words", k32);
    for (int i = 0; i < WORDS; i++) w8[i] = u8[i] > v8[i] ? u8[i] - v8[i] : (uint8_t)((u8[i] + v8[i] + 1) >> 1);
    SHOW("bytes", w8);
    for (int i = 0; i < WORDS; i++) k16[i] = (int16_t)((i16[i] * j16[i]) >> 16);
    SHOW("products", k16);
    for (int i = 0; i < WORDS; i++) k32[i] = abs(i16[i]) + (u8[i] < 100 ? u8[i] : j16[i]);
    SHOW("widened", k32);
    for (int i = 0; i < WORDS; i++) u64[i] = (u64[i] << (u64[i] & 63)) ^ (u64[i] >> 7) ^ (uint64_t)__builtin_popcountll(u64[i]);
    SHOW("shifts", u64);
    uint64_t sum = 0;
    for (int i = 0; i < WORDS; i++) sum += (uint64_t)__builtin_ctzll(u64[i] | 1ULL << 60) + (uint64_t)abs(u8[i] - v8[i]);
    printf("sum %016llx\n", (unsigned long long)sum);
}

/* FIPS 180-4, 6.2: one block after the other, with itself as the message. */
static void sha256(void)
{
    static uint32_t k[64], w[64], s[8];
    for (int i = 0; i < 64; i++) k[i] = (uint32_t)next();
    for (int i = 0; i < 8; i++) s[i] = (uint32_t)next();
    for (int block = 0; block < 200; block++) {
        for (int i = 0; i < 16; i++) w[i] = s[i & 7] + (uint32_t)i32[(block * 16 + i) % WORDS];
#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + w[i - 7] + (ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ w[i - 15] >> 3) +
                   (ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ w[i - 2] >> 10);
        uint32_t v[8];
        memcpy(v, s, sizeof v);
        for (int i = 0; i < 64; i++) {
            uint32_t t = v[7] + (ROR(v[4], 6) ^ ROR(v[4], 11) ^ ROR(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
            uint32_t u = (ROR(v[0], 2) ^ ROR(v[0], 13) ^ ROR(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof *v);
            v[4] += t;
            v[0] = t + u;
        }
        for (int i = 0; i < 8; i++) s[i] += v[i];
    }
    SHOW("sha256", s);
}

static void library(void)
{
    static char text[2 * TEXT + 64], other[2 * TEXT + 64];
    uint64_t result = 0;
    for (int size = 0; size < TEXT; size++) {
        int from = (int)(next() % 61), to = (int)(next() % 61);
        memset(text, 'a' + size % 20, sizeof text);
        text[from + size] = 0;
        memcpy(other + to, text + from, (size_t)size + 1);
        memmove(other + to + 3, other + to, (size_t)size + 1);
        result = result * 31 + strlen(other + to + 3) + (uint64_t)(strcmp(text + from, other + to + 3) == 0);
        result = result * 31 + (uint64_t)((char *)memchr(text + from, 0, TEXT) - text);
        result += hash(other, sizeof other);
    }
    for (int i = 1; i < 200; i++) {
        double x = i * 0.37;
        d[i] = sin(x) + exp(-x) + pow(x, 1.3) + log(x) + atan2(x, 3);
    }
    printf("library %016llx\n", (unsigned long long)result);
    SHOW("functions", d);
}

int main(void)
{
    fill();
    multiply();
    floats();
    integers();
    sha256();
    library();
    return 0;
}
