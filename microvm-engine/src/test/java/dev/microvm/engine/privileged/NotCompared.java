package dev.microvm.engine.privileged;

/**
 * What is not compared, and why. Some are marks of a case, which {@link Comparison} heeds; of
 * others {@link SystemCaseGenerator} makes no case: a comment there names them.
 */
enum NotCompared {
    // Processors are free, or the engine says that it differs
    TIME("RDTSC and RDTSCP answer the time"),
    TASK_SWITCH(
            "the engine has no hardware task switches, and says so: task-state segments, task gates and NT are #GP"),
    PERFORMANCE_COUNTERS("the engine has none: RDPMC is #GP"),
    MACHINE_CHECK("the engine has no machine-check banks; KVM has 32, whatever CPUID says"),
    LAR_LIMIT("bits 16 to 19 of what LAR answers are undefined (Intel SDM vol. 2A, LAR)"),
    NULL_STACK("what is hidden behind a null SS is not used in 64-bit mode: no manual says what it is"),
    ACCESSED_ON_FAULT(
            "entries that a walk used before it faulted, and descriptors that a transfer used, may have their accessed bit set"
                    + " or not (Intel SDM vol. 3A, 4.8)"),
    INTERRUPT_STACK_SAME_LEVEL(
            "SS after an interrupt to the same level by the interrupt stack table: null by Intel SDM vol. 3A,"
                    + " 6.14.5, not by vol. 2A, INT n"),
    LEVEL_FIRST("whether a register that does not exist is #UD or #GP to users"),
    GATE_STACK("same-level call gates push by the stack addresses of the caller (Intel) or of the called code (AMD)"),
    UPPER_HALF("IA32_SYSENTER_CS and IA32_FMASK: what is reserved may be kept or not"),

    // KVM and AMD's processors
    SYSENTER_IN_LONG_MODE(
            "AMD's processors have no SYSENTER in long mode (AMD APM vol. 3, SYSENTER); KVM emulates it there in part"),
    UPPER_REGISTERS(
            "MOV to control and debug registers in compatibility mode takes 32 bits (Intel SDM vol. 2B, MOV); the emulation in"
                    + " KVM and in QEMU takes 64, so the upper ones are 0 here"),
    UPPER_CONTROL(
            "the upper half of CR0 and CR4 is reserved (Intel SDM vol. 2B, MOV); KVM, where it emulates MOV, does not look at it"),
    CANONICAL_MSR(
            "MSRs that hold addresses take canonical ones, so does WRGSBASE (Intel SDM vol. 2D); KVM leaves that to the processor,"
                    + " QEMU 7.2 has no check"),

    // Where the lab's processor, QEMU 7.2, is wrong
    RESUME_FLAG("faults push RF set (Intel SDM vol. 3B, 18.3.1.1); QEMU does not"),
    RESERVED_IS_PRESENT("a page fault for a reserved bit has P set too (Intel SDM vol. 3A, 4.7); QEMU's has not"),
    READ_MODIFY_WRITE(
            "XCHG writes, and so its page fault is a write's; QEMU reads first, tells so, and sets the accessed bit"),
    PAE_POINTER_ACCESSED(
            "bit 5 of a PAE pointer is reserved (Intel SDM vol. 3A, table 4-8); QEMU sets it, and KVM then refuses to load"
                    + " the pointers again: no MOV to control registers in PAE paging"),
    GATE_ERROR(
            "error codes name a gate by 8 times its vector, with EXT set if an exception led there (Intel SDM vol. 3A, 6.13);"
                    + " QEMU's in long mode by 16 times, and without EXT"),
    NULL_TASK("LTR of a null selector is #GP (Intel SDM vol. 2A, LTR); QEMU takes it"),
    ABSENT_STACK("a missing stack segment is #SS to returns (Intel SDM vol. 2A, IRET; vol. 2B, RET); QEMU raises #NP"),
    NARROW_GATE("a 16-bit gate has an offset of 16 bits (Intel SDM vol. 3A, 5.8.3); QEMU takes the reserved ones too"),
    NARROW_SYSTEM_TYPES(
            "LAR, LSL and LTR know no 16-bit gates and tasks in long mode (Intel SDM vol. 3A, table 3-2); QEMU does"),
    TARGET_CHECKS(
            "far transfers and gates check where they lead: limit, canonical, D with L (Intel SDM vol. 2A, JMP, CALL, IRET); QEMU"
                    + " leaves it to the first instruction there"),
    TABLE_BASE(
            "LGDT and LIDT in 64-bit mode load 8 bytes whatever the prefix, and canonical ones (Intel SDM vol. 2A, LGDT); QEMU obeys"
                    + " 66, and has no check"),
    CR3_RESERVED(
            "bits of CR3 beyond physical addresses are #GP (Intel SDM vol. 2B, MOV); QEMU lets them be, and then refuses to go on"),
    CODE_ACCESSED(
            "a load of CS sets the descriptor's accessed bit (Intel SDM vol. 3A, 3.4.5.1); QEMU's RET and IRET do not"),
    NULL_STACK_LEVEL(
            "a null SS must have the level of the code (Intel SDM vol. 2B, MOV; vol. 2A, IRET); QEMU does not look at it"),
    CONFORMING_GATE(
            "a gate to conforming code keeps the level in CS (Intel SDM vol. 2A, CALL); QEMU takes the descriptor's"),
    NULL_STACK_IN_COMPATIBILITY_MODE(
            "IRET to compatibility mode with a null SS is #GP (Intel SDM vol. 2A, IRET); QEMU lets it be"),
    SYSCALL_FLAGS(
            "SYSCALL keeps the flags that IA32_FMASK lets it (Intel SDM vol. 2B, SYSCALL); QEMU clears DF and the arithmetic"
                    + " ones, so IA32_FMASK has them here"),
    SYSCALL_STACK(
            "SYSCALL's SS has the lowest bits of IA32_STAR[47:32] + 8 (Intel SDM vol. 2B, SYSCALL); QEMU clears them"),
    SYSRET_FLAGS("SYSRET clears RF and VM (Intel SDM vol. 2B, SYSRET); QEMU loads them"),
    SYSENTER_SELECTOR(
            "SYSENTER is #GP if bits 2 to 15 of IA32_SYSENTER_CS are 0 (Intel SDM vol. 2B); in QEMU only if all are"),
    MSR_INDEX("RDMSR and WRMSR take ECX; QEMU asks the map of intercepted MSRs for RCX"),
    SECOND_EXCEPTION(
            "a #GP that cannot be delivered is a double fault (Intel SDM vol. 3A, table 6-5); where KVM has injected it, as for"
                    + " MSRs, QEMU forgets it over the second exception"),
    GENERAL_DETECT("DR7.GD makes debug registers fault (Intel SDM vol. 3B, 18.2.4); QEMU does not know it"),
    DEBUG_RESERVED(
            "bit 12 of DR6 and bits 11, 12, 14 and 15 of DR7 are 0 (Intel SDM vol. 3B, figure 18-1); QEMU keeps what is written"),
    BREAKPOINTS("QEMU crashes at breakpoints of a nested guest"),
    EXTENDED_CONTROL(
            "XSETBV can be intercepted (AMD APM vol. 2, 15.9); QEMU sets the lab's own XCR0, on which its kernel relies, and"
                    + " checks the level before CR4.OSXSAVE");

    final String reason;

    NotCompared(String reason) {
        this.reason = reason;
    }
}
