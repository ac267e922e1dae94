/*
 * A KVM machine of one vCPU that runs one program in flat 32-bit protected mode: the peer of our own, in plain C. It
 * makes the same calls with the same arguments as microvm-core does, so that what differs is what Java adds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    ORIGIN = 0x1000,
    MEMORY_SIZE = 16 << 20,
    EXIT_PORT = 0xf4,
    DEVICE_PORT = 0x500,
    CPUID_ENTRIES = 128,
};
#define DEVICE_MMIO 0xd0000000u
#define IDENTITY_MAP_ADDRESS 0xfeffc000ull

struct program {
    uint8_t bytes[4096];
    size_t size;
};

struct machine {
    int vm;
    int vcpu;
    int run_size;
    struct kvm_run *run;
    uint8_t *memory;
};

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int call(int fd, unsigned long request, void *argument, const char *name) {
    int result = ioctl(fd, request, argument);
    if (result < 0) die(name);
    return result;
}
#define CALL(fd, request, argument) call(fd, request, (void *) (uintptr_t) (argument), #request)

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void load_program(struct program *program, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    program->size = fread(program->bytes, 1, sizeof program->bytes, file);
    fclose(file);
}

static const int required_capabilities[] = {
    KVM_CAP_USER_MEMORY, KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_EXT_CPUID, KVM_CAP_MP_STATE,
    KVM_CAP_VCPU_EVENTS, KVM_CAP_DEBUGREGS, KVM_CAP_XSAVE, KVM_CAP_XCRS,
    KVM_CAP_IRQCHIP, KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_IRQ_ROUTING, KVM_CAP_IRQFD,
    KVM_CAP_IOEVENTFD, KVM_CAP_SIGNAL_MSI, KVM_CAP_SET_TSS_ADDR, KVM_CAP_SET_IDENTITY_MAP_ADDR,
};

static struct kvm_segment flat32(int selector, int type) {
    return (struct kvm_segment){.base = 0, .limit = 0xffffffff, .selector = selector, .type = type,
                                .present = 1, .db = 1, .s = 1, .g = 1};
}

/* Sets the program's start: RIP at its origin, RBX and RCX as given. */
static void set_start(struct machine *m, uint64_t rbx, uint64_t rcx) {
    struct kvm_regs regs = {.rip = ORIGIN, .rflags = 2, .rbx = rbx, .rcx = rcx};
    CALL(m->vcpu, KVM_SET_REGS, &regs);
}

static void open_machine(struct machine *m, const struct program *program) {
    union {
        struct kvm_cpuid2 table;
        uint8_t size[sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
    } cpuid;
    struct kvm_msr_list no_msrs = {.nmsrs = 0};

    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) die("/dev/kvm");
    if (CALL(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) die("API version");
    for (size_t i = 0; i < sizeof required_capabilities / sizeof *required_capabilities; i++) {
        if (CALL(kvm, KVM_CHECK_EXTENSION, required_capabilities[i]) == 0) die("capability");
    }
    m->run_size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    memset(&cpuid, 0, sizeof cpuid);
    cpuid.table.nent = CPUID_ENTRIES;
    CALL(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
    if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &no_msrs) < 0 && errno != E2BIG) die("KVM_GET_MSR_INDEX_LIST");
    struct kvm_msr_list *msrs = malloc(sizeof *msrs + no_msrs.nmsrs * sizeof msrs->indices[0]);
    msrs->nmsrs = no_msrs.nmsrs;
    CALL(kvm, KVM_GET_MSR_INDEX_LIST, msrs);
    free(msrs);
    CALL(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    CALL(kvm, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
    m->vm = CALL(kvm, KVM_CREATE_VM, 0);

    uint64_t identity_map = IDENTITY_MAP_ADDRESS;
    CALL(m->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    CALL(m->vm, KVM_SET_TSS_ADDR, IDENTITY_MAP_ADDRESS + 0x1000);
    CALL(m->vm, KVM_CREATE_IRQCHIP, 0);
    if (CALL(m->vm, KVM_CHECK_EXTENSION, KVM_CAP_X2APIC_API)) {
        struct kvm_enable_cap x2apic = {.cap = KVM_CAP_X2APIC_API};
        x2apic.args[0] = KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
        CALL(m->vm, KVM_ENABLE_CAP, &x2apic);
    }
    close(kvm);

    m->memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m->memory == MAP_FAILED) die("mmap of memory");
    memcpy(m->memory + ORIGIN, program->bytes, program->size);
    struct kvm_userspace_memory_region region = {
        .slot = 0, .guest_phys_addr = 0, .memory_size = MEMORY_SIZE, .userspace_addr = (uintptr_t) m->memory};
    CALL(m->vm, KVM_SET_USER_MEMORY_REGION, &region);

    m->vcpu = CALL(m->vm, KVM_CREATE_VCPU, 0);
    m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
    if (m->run == MAP_FAILED) die("mmap of the vCPU");
    CALL(m->vcpu, KVM_SET_CPUID2, &cpuid);

    struct kvm_sregs sregs;
    CALL(m->vcpu, KVM_GET_SREGS, &sregs);
    sregs.cs = flat32(0x8, 0xb);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat32(0x10, 0x3);
    sregs.cr0 |= 1;
    sregs.cr3 = sregs.cr4 = sregs.efer = 0;
    CALL(m->vcpu, KVM_SET_SREGS, &sregs);
}

static void close_machine(struct machine *m) {
    close(m->vcpu);
    close(m->vm);
    munmap(m->run, m->run_size);
    munmap(m->memory, MEMORY_SIZE);
}
