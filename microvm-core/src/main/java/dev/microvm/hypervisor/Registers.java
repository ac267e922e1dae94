package dev.microvm.hypervisor;

/**
 * The general-purpose registers, RIP and RFLAGS of an x86-64 CPU: Intel SDM vol. 1, 3.4. To set
 * initial registers, begin with {@link #ZERO} and use the {@code with...} methods.
 */
public record Registers(
        long rax,
        long rbx,
        long rcx,
        long rdx,
        long rsi,
        long rdi,
        long rsp,
        long rbp,
        long r8,
        long r9,
        long r10,
        long r11,
        long r12,
        long r13,
        long r14,
        long r15,
        long rip,
        long rflags) {
    /** Bit 1 of RFLAGS, which is always set: Intel SDM vol. 1, figure 3-8. */
    public static final long RFLAGS_RESERVED = 1 << 1;

    /** RFLAGS.IF: maskable interrupts are accepted. */
    public static final long RFLAGS_IF = 1 << 9;

    /** All registers zero, except the flag that is always set. */
    public static final Registers ZERO =
            new Registers(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, RFLAGS_RESERVED);

    /** Returns a copy with another {@code rax}. */
    public Registers withRax(long value) {
        return new Registers(
                value, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rbx}. */
    public Registers withRbx(long value) {
        return new Registers(
                rax, value, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rcx}. */
    public Registers withRcx(long value) {
        return new Registers(
                rax, rbx, value, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rdx}. */
    public Registers withRdx(long value) {
        return new Registers(
                rax, rbx, rcx, value, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rsi}. */
    public Registers withRsi(long value) {
        return new Registers(
                rax, rbx, rcx, rdx, value, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rdi}. */
    public Registers withRdi(long value) {
        return new Registers(
                rax, rbx, rcx, rdx, rsi, value, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rsp}. */
    public Registers withRsp(long value) {
        return new Registers(
                rax, rbx, rcx, rdx, rsi, rdi, value, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rbp}. */
    public Registers withRbp(long value) {
        return new Registers(
                rax, rbx, rcx, rdx, rsi, rdi, rsp, value, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }

    /** Returns a copy with another {@code rip}. */
    public Registers withRip(long value) {
        return new Registers(
                rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, value, rflags);
    }

    /** Returns a copy with another {@code rflags}. */
    public Registers withRflags(long value) {
        return new Registers(rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, value);
    }

    @Override
    public String toString() {
        return """
                rax=%016x rbx=%016x rcx=%016x rdx=%016x
                rsi=%016x rdi=%016x rsp=%016x rbp=%016x
                r8 =%016x r9 =%016x r10=%016x r11=%016x
                r12=%016x r13=%016x r14=%016x r15=%016x
                rip=%016x rflags=%08x""".formatted(rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags);
    }
}
