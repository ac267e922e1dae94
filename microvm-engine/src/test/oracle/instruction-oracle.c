/*
 * Runs instructions on the real processor: reads code and states from standard input, writes the states after it.
 *
 * A batch is: bytes of code (32 bits), the code, number of states (32 bits), the states. The code must end in RET and
 * may change what a state holds and nothing else. See NativeOracle.java.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct state {
    uint8_t fxsave[512]; /* Intel SDM vol. 1, table 10-2, with REX.W */
    uint64_t rax, rbx, rcx, rdx;
    uint64_t flags;
    uint64_t trapped; /* 1 if the instruction raised a floating-point fault */
};

_Static_assert(sizeof(struct state) == 560, "as in NativeOracle.java");

enum { CODE_SIZE = 4096, MOST_STATES = 4096 };

static sigjmp_buf fault;
static struct state *current;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    ucontext_t *c = context;
    (void)signal;
    (void)info;
    memcpy(current->fxsave, c->uc_mcontext.fpregs, sizeof current->fxsave);
    current->trapped = 1;
    siglongjmp(fault, 1);
}

/* Loads s, calls code, stores s. */
void enter(struct state *s, void *code);
asm("enter:\n\t"
    "push %rbx\n\t"
    "push %r12\n\t"
    "mov %rdi, %r12\n\t"
    "fxrstor64 (%r12)\n\t"
    "mov 512(%r12), %rax\n\t"
    "mov 520(%r12), %rbx\n\t"
    "mov 528(%r12), %rcx\n\t"
    "mov 536(%r12), %rdx\n\t"
    "call *%rsi\n\t"
    "mov %rax, 512(%r12)\n\t"
    "mov %rbx, 520(%r12)\n\t"
    "mov %rcx, 528(%r12)\n\t"
    "mov %rdx, 536(%r12)\n\t"
    "pushfq\n\t"
    "popq 544(%r12)\n\t"
    "fxsave64 (%r12)\n\t"
    "pop %r12\n\t"
    "pop %rbx\n\t"
    "ret");

static void run(struct state *s, void *code)
{
    static const uint32_t quiet = 0x1f80;

    current = s;
    s->trapped = 0;
    if (!sigsetjmp(fault, 1)) enter(s, code);
    asm volatile("fninit\n\tldmxcsr %0" : : "m"(quiet));
}

static void *must_read(void *to, size_t size)
{
    if (fread(to, 1, size, stdin) != size) exit(feof(stdin) ? 0 : 1);
    return to;
}

int main(void)
{
    static struct state states[MOST_STATES] __attribute__((aligned(16)));
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    uint8_t *code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t size, count, i;

    if (code == MAP_FAILED) return 2;
    sigaction(SIGFPE, &action, NULL);
    for (;;) {
        must_read(&size, sizeof size);
        if (size > CODE_SIZE) return 3;
        must_read(code, size);
        must_read(&count, sizeof count);
        if (count > MOST_STATES) return 4;
        must_read(states, count * sizeof states[0]);
        for (i = 0; i < count; i++) run(&states[i], code);
        if (fwrite(states, sizeof states[0], count, stdout) != count || fflush(stdout)) return 5;
    }
}
