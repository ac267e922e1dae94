/*
 * Runs cases on the real processor at privilege level 3, in 64-, 32- and 16-bit code: reads batches from standard input,
 * writes what came of them. A case is a few instructions with the registers and segments they start with; it always ends with
 * an exception, if only that of the INT3 behind it. CaseOracle.java has the other end.
 *
 * No library and no thread-local storage: FS and GS belong to the cases. A system call out of a case is a signal, too.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* As in UserCaseMachine.java. */
#define CODE 0x10000000UL
#define CODE_SIZE 0x2000UL
#define DATA 0x11000000UL /* two pages, one that is read-only, one that is missing, the stack */
#define DATA_SIZE 0x2000UL
#define STACK (DATA + 0x4000UL)
#define STACK_SIZE 0x1000UL
#define READ_ONLY (DATA + DATA_SIZE)
#define PAGE 0x1000UL
#define CONTROL 0x6b3a7000UL /* what the way into a case reads, by absolute address */
#define CONTROL_ASM "0x6b3a7000"

enum { MOST_CASES = 4096, FXSAVE = 512, YMM = 256, INT3 = 0xcc };
enum { XSTATE_BV = 512, AVX_STATE = 1 << 2, AVX_OFFSET = 576 }; /* of an XSAVE area */

struct segments {
    uint16_t cs, ds, es, fs, gs, ss;
};

struct start {
    uint64_t r[16]; /* as numbered in instructions */
    uint64_t rip, flags;
    struct segments s;
    uint32_t wide; /* 64-bit mode: the bases below count */
    uint64_t fs_base, gs_base;
    uint64_t place, code_at; /* where the operand and the code are put */
    uint32_t place_size, code_size;
    uint8_t operand[64];
    uint8_t code[64];
    uint64_t unused;
    uint8_t fxsave[FXSAVE];
    uint8_t ymm[YMM]; /* upper halves */
};

struct end {
    uint64_t r[16];
    uint64_t rip, flags;
    struct segments s;
    uint32_t vector;
    uint64_t fs_base, gs_base;
    uint64_t error, address;
    uint64_t checksum;
    uint64_t unused;
    uint8_t fxsave[FXSAVE];
    uint8_t ymm[YMM]; /* upper halves */
};

_Static_assert(sizeof(struct start) == 1104 && offsetof(struct start, fxsave) == 336, "as in Case.java");
_Static_assert(sizeof(struct end) == 976, "as in Outcome.java");

struct control {
    struct start start;
    uint32_t far_offset;
    uint16_t far_selector, unused;
    uint64_t own_stack;
};

_Static_assert(offsetof(struct control, far_offset) == 1104, "in the assembly below");
_Static_assert(offsetof(struct control, own_stack) == 1112, "in the assembly below");

static struct control *const control = (struct control *)CONTROL;
static uint8_t *code_alias; /* the code, writable */
static struct end *current;
static struct start cases[MOST_CASES];
static struct end ends[MOST_CASES];
static uint8_t signal_stack[1 << 17];

static long call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

static void leave(int status)
{
    call(SYS_exit_group, status, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void copy(void *to, const void *from, size_t size)
{
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static void fill(void *to, int value, size_t size)
{
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
}

static void transfer(long number, void *bytes, size_t size)
{
    uint8_t *at = bytes;
    while (size) {
        long done = call(number, number == SYS_write, (long)at, size, 0, 0, 0);
        if (done <= 0) leave(done < 0);
        at += done;
        size -= done;
    }
}

/* The way into a case: loads all of it, and jumps. */
void enter(void);
asm("enter:\n\t"
    "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
    "mov %rsp, " CONTROL_ASM "+1112\n\t"
    "fxrstor64 " CONTROL_ASM "+336\n\t"
    ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
    "vinsertf128 $1, " CONTROL_ASM "+848+16*\\n, %ymm\\n, %ymm\\n\n\t"
    ".endr\n\t"
    "mov " CONTROL_ASM "+146, %ds\n\t"
    "mov " CONTROL_ASM "+148, %es\n\t"
    "mov " CONTROL_ASM "+150, %fs\n\t"
    "mov " CONTROL_ASM "+152, %gs\n\t"
    "cmpl $0, " CONTROL_ASM "+156\n\t"
    "je 1f\n\t"
    "mov " CONTROL_ASM "+160, %rax\n\twrfsbase %rax\n\t"
    "mov " CONTROL_ASM "+168, %rax\n\twrgsbase %rax\n"
    "1:\tpushq " CONTROL_ASM "+136\n\tpopfq\n\t"
    "mov " CONTROL_ASM "+0, %rax\n\tmov " CONTROL_ASM "+8, %rcx\n\t"
    "mov " CONTROL_ASM "+16, %rdx\n\tmov " CONTROL_ASM "+24, %rbx\n\t"
    "mov " CONTROL_ASM "+40, %rbp\n\tmov " CONTROL_ASM "+48, %rsi\n\t"
    "mov " CONTROL_ASM "+56, %rdi\n\tmov " CONTROL_ASM "+64, %r8\n\t"
    "mov " CONTROL_ASM "+72, %r9\n\tmov " CONTROL_ASM "+80, %r10\n\t"
    "mov " CONTROL_ASM "+88, %r11\n\tmov " CONTROL_ASM "+96, %r12\n\t"
    "mov " CONTROL_ASM "+104, %r13\n\tmov " CONTROL_ASM "+112, %r14\n\t"
    "mov " CONTROL_ASM "+120, %r15\n\t"
    "mov " CONTROL_ASM "+154, %ss\n\t"
    "mov " CONTROL_ASM "+32, %rsp\n\t"
    "ljmp *" CONTROL_ASM "+1104\n");

/* The way out of a signal, back to where enter() was called. */
__attribute__((noreturn)) void resume(void);
asm("resume:\n\t"
    "mov " CONTROL_ASM "+1112, %rsp\n\t"
    "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret");

static void on_signal(int signal, siginfo_t *info, void *context)
{
    /* order of gregs[] for the numbers in instructions */
    static const uint8_t order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    const ucontext_t *c = context;
    const greg_t *g = c->uc_mcontext.gregs;
    const uint8_t *state;
    struct end *e = current;
    int i;

    (void)info;
    for (i = 0; i < 16; i++) e->r[i] = g[order[i]];
    e->rip = g[REG_RIP];
    e->flags = g[REG_EFL];
    e->s.cs = (uint16_t)g[REG_CSGSFS];
    e->s.ss = (uint16_t)(g[REG_CSGSFS] >> 48);
    asm volatile("mov %%ds, %0" : "=m"(e->s.ds));
    asm volatile("mov %%es, %0" : "=m"(e->s.es));
    asm volatile("mov %%fs, %0" : "=m"(e->s.fs));
    asm volatile("mov %%gs, %0" : "=m"(e->s.gs));
    asm volatile("rdfsbase %0" : "=r"(e->fs_base));
    asm volatile("rdgsbase %0" : "=r"(e->gs_base));
    e->vector = signal == SIGSYS ? 0x80 : g[REG_TRAPNO];
    e->error = g[REG_ERR];
    e->address = g[REG_CR2];
    state = (const uint8_t *)c->uc_mcontext.fpregs;
    copy(e->fxsave, state, FXSAVE);
    fill(e->ymm, 0, YMM);
    if (state[XSTATE_BV] & AVX_STATE) copy(e->ymm, state + AVX_OFFSET, YMM);
    resume();
}

static uint64_t sum(uint64_t seed, const uint64_t *words, size_t size)
{
    uint64_t a = seed, b = 1, c = 2, d = 3;
    size_t i;
    for (i = 0; i < size / 8; i += 4) {
        a = (a ^ words[i]) * 0x9e3779b97f4a7c15;
        b = (b ^ words[i + 1]) * 0x9e3779b97f4a7c15;
        c = (c ^ words[i + 2]) * 0x9e3779b97f4a7c15;
        d = (d ^ words[i + 3]) * 0x9e3779b97f4a7c15;
    }
    a ^= (b << 13 | b >> 51) ^ (c << 29 | c >> 35) ^ (d << 47 | d >> 17);
    return a ^ a >> 32;
}

static void run(const struct start *s, struct end *e)
{
    current = e;
    copy(&control->start, s, sizeof *s);
    control->far_offset = s->rip;
    control->far_selector = s->s.cs;
    copy((void *)s->place, s->operand, s->place_size);
    copy(code_alias + (s->code_at - CODE), s->code, s->code_size);
    enter();
    fill(code_alias + (s->code_at - CODE), INT3, s->code_size);
    e->checksum = sum(sum(0, (void *)DATA, DATA_SIZE), (void *)STACK, STACK_SIZE);
}

static void map(uint64_t at, size_t size, int protection, int flags, int file)
{
    long result = call(SYS_mmap, at, size, protection, flags | MAP_FIXED, file, 0);
    if ((uint64_t)result != at) leave(2);
}

static void segment(int number, uint64_t base, unsigned limit, int wide, int contents, int read_only, int missing)
{
    struct user_desc d = {.entry_number = number,
                          .base_addr = base,
                          .limit = limit,
                          .seg_32bit = wide,
                          .contents = contents,
                          .read_exec_only = read_only,
                          .seg_not_present = missing};
    if ((int)call(SYS_modify_ldt, 0x11, (long)&d, sizeof d, 0, 0, 0)) leave(3);
}

static void prepare(void)
{
    enum { DATA_SEGMENT = MODIFY_LDT_CONTENTS_DATA, EXPAND_DOWN = MODIFY_LDT_CONTENTS_STACK };
    int file = call(SYS_memfd_create, (long)"code", 0, 0, 0, 0, 0);
    size_t i;

    if (file < 0 || call(SYS_ftruncate, file, CODE_SIZE, 0, 0, 0, 0)) leave(2);
    map(CODE, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, file);
    code_alias = (uint8_t *)call(SYS_mmap, 0, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    fill(code_alias, INT3, CODE_SIZE);
    map(DATA, DATA_SIZE + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (i = 0; i < PAGE; i++) ((uint8_t *)READ_ONLY)[i] = i * 7 + 3;
    if (call(SYS_mprotect, READ_ONLY, PAGE, PROT_READ, 0, 0, 0)) leave(2);
    map(STACK, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    map(CONTROL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    /* As in UserCaseMachine.java. */
    segment(0, CODE, CODE_SIZE - 1, 0, MODIFY_LDT_CONTENTS_CODE, 0, 0);
    segment(1, DATA, 0x5fff, 0, DATA_SEGMENT, 0, 0);
    segment(2, DATA, 0x9ff, 1, DATA_SEGMENT, 1, 0);
    segment(3, DATA, 0x7ff, 1, EXPAND_DOWN, 0, 0);
    segment(4, CODE, CODE_SIZE - 1, 1, MODIFY_LDT_CONTENTS_CODE, 1, 0);
    segment(5, DATA, 0x5fff, 1, DATA_SEGMENT, 0, 1);
}

/* As the kernel has it; there must be a restorer, though nobody returns. */
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

enum { SA_RESTORER = 0x04000000 };

static void catch_signals(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct kernel_action action = {on_signal, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER, resume, 0};
    size_t i;

    call(SYS_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
    for (i = 0; i < sizeof signals / sizeof *signals; i++)
        if (call(SYS_rt_sigaction, signals[i], (long)&action, 0, 8, 0, 0)) leave(4);
}

/* System calls from below 4 GiB, where cases are, are signals. */
static void forbid_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    if (call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program, 0, 0, 0)) leave(5);
}

/* A batch: number of cases, data, stack, the cases; answered by what came of each, then data and stack. */
__attribute__((noreturn, force_align_arg_pointer)) void _start(void)
{
    uint32_t count, i;

    prepare();
    catch_signals();
    forbid_system_calls();
    for (;;) {
        transfer(SYS_read, &count, sizeof count);
        if (count > MOST_CASES) leave(6);
        transfer(SYS_read, (void *)DATA, DATA_SIZE);
        transfer(SYS_read, (void *)STACK, STACK_SIZE);
        transfer(SYS_read, cases, count * sizeof *cases);
        for (i = 0; i < count; i++) run(&cases[i], &ends[i]);
        transfer(SYS_write, ends, count * sizeof *ends);
        transfer(SYS_write, (void *)DATA, DATA_SIZE);
        transfer(SYS_write, (void *)STACK, STACK_SIZE);
    }
}
