package dev.microvm.engine.cpu;

import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.XmmFloatOperation;
import dev.microvm.engine.simd.XmmOperation;

/**
 * What an instruction writes itself as bytecode with: a stack machine whose values are longs.
 *
 * <p>Registers are slots of {@link Cpu#r}, flags are as {@link Flags} has them. While compiled code
 * runs, both are local variables; whoever implements this knows when they must be in {@link Cpu}.
 * Temporaries are local variables that a value is kept in; each is good for the rest of its block.
 */
public interface Code {
    // Registers and values

    /** Pushes a register. */
    Code get(int slot);

    /** Pops a register. */
    Code set(int slot);

    Code constant(long value);

    /** Pops a value into a new temporary, and returns it. */
    int keep();

    /** Pushes a temporary. */
    Code kept(int temporary);

    Code add();

    Code subtract();

    Code multiply();

    /** The upper half of a product of signed numbers. */
    Code multiplyHigh();

    /** The upper half of a product of unsigned numbers. */
    Code unsignedMultiplyHigh();

    Code and();

    Code or();

    Code xor();

    Code shiftLeft(int count);

    Code shiftRight(int count);

    Code shiftRightUnsigned(int count);

    /** Pops a count, of which the low 6 bits count, and a value, and shifts that. */
    Code shiftLeft();

    /** The same to the right, with copies of the sign. */
    Code shiftRight();

    /** The same to the right, with zeros. */
    Code shiftRightUnsigned();

    Code reverseBytes();

    /** How many zeros are below the lowest one: 64 if there is none. */
    Code trailingZeros();

    /** How many zeros are above the highest one: 64 if there is none. */
    Code leadingZeros();

    /** How many bits are one. */
    Code ones();

    /** Pops a divisor, which must not be 0, and a dividend, of signed numbers. */
    Code divide();

    /** What {@link #divide} leaves. */
    Code remainder();

    /** The same of unsigned numbers. */
    Code divideUnsigned();

    /** What {@link #divideUnsigned} leaves. */
    Code remainderUnsigned();

    /** Clears this many upper bits. */
    Code zeroExtend(int unused);

    /** Makes this many upper bits copies of the one below them. */
    Code signExtend(int unused);

    // Flags

    /** The flags of {@link Flags#logic}; {@code result} is a temporary, sign-extended. */
    void flagsOfLogic(int result);

    /** The flags of {@link Flags#add}; all but {@code unused} are temporaries. */
    void flagsOfAdd(int a, int b, int result, int unused);

    /** The flags of {@link Flags#sub}; all but {@code unused} are temporaries. */
    void flagsOfSubtract(int a, int b, int result, int unused);

    /** The flags of {@link Flags#add} if CF was added, too. */
    void flagsOfAddWithCarry(int a, int b, int result, int unused);

    /** The flags of {@link Flags#sub} if CF was subtracted, too. */
    void flagsOfSubtractWithCarry(int a, int b, int result, int unused);

    /** The flags of INC, or of DEC, which leave CF alone; {@code result} is a temporary. */
    void flagsOfStep(boolean up, int result, int unused);

    /** Does {@link Flags#keepCarry}; {@code before} is a temporary. */
    void keepCarry(int before);

    /** Sets ZF alone, if a temporary is 0, or clears it: {@link Flags#zero(Cpu, boolean)}. */
    void zeroFlag(int value);

    /** Pushes CF as 0 or 1. */
    Code carry();

    /** Pushes what {@link Cpu#flagCarry} holds. */
    Code flagCarry();

    /** Pops what {@link Cpu#flagResult} and, above it, {@link Cpu#flagCarry} are to hold. */
    void setFlags();

    /** Pops what {@link Cpu#flagCarry} is to hold. */
    void setFlagCarry();

    /** Pushes what {@link Cpu#flagResult} holds. */
    Code flagResult();

    /** Pops two values; pushes the upper one if a temporary is 0, else the other. */
    Code selectIfZero(int temporary);

    /** Pops two values; pushes the upper one if a condition holds, else the other. */
    Code select(int condition);

    // Memory

    /**
     * Translates a linear address, or does the whole instruction the slow way, by {@link
     * Sequential#perform} or, at the end of a block, {@link Instruction#execute}. So nothing may be
     * changed before. The operand stack must be empty.
     *
     * @param linear a temporary
     * @param access {@link Mmu#READ} or {@link Mmu#WRITE}
     * @return a temporary with the host's address
     */
    int host(int linear, int size, int access);

    /** Pushes what is at a host's address, zero-extended. */
    Code read(int host, int size);

    /** Pops a value and stores its low bytes. */
    void write(int host, int size);

    /**
     * Stores a value if memory holds what is expected, as one access: temporaries both. Pushes
     * whether it did, as 1 or 0.
     */
    Code compareAndSet(int host, int size, int expected, int value);

    // XMM registers, which stay in Cpu#xmm

    /** Pushes a half of one, by its index. */
    Code xmm(int index);

    /** Pops a half of one. */
    void setXmm(int index);

    /** Does an operation; its target is an index, the second operand's halves are temporaries. */
    void apply(XmmOperation operation, int to, int low, int high);

    /** The same of floating-point numbers, if all it raises is masked; else the slow way. */
    void apply(XmmFloatOperation operation, int to, int low, int high);

    /** Pushes what an operation makes of two temporaries. */
    Code compute(LaneOperation operation, int a, int b);

    /** The same of floating-point numbers, if all it raises is masked; else the slow way. */
    Code compute(XmmFloatOperation.Of64 operation, int a, int b);

    /**
     * Does the whole instruction the slow way, as {@link #host} may, where SSE cannot be used now.
     */
    void requireSse();

    /** The same of AVX. */
    void requireAvx();

    /** The same for an address, in a temporary, that is not a multiple of a power of two. */
    void requireAligned(int linear, int size);

    // What must hold; otherwise the whole instruction is done the slow way, as by {@link #host}

    /** Requires two temporaries to be equal. */
    void requireEqual(int a, int b);

    /** Requires one temporary to be less than another, of unsigned numbers. */
    void requireBelow(int a, int b);

    // Control

    /** Does an instruction by calling it. */
    void perform(Sequential instruction);

    /** Leaves compiled code, by an instruction that runs as if it were not compiled. */
    void leave(Instruction instruction);

    /**
     * Makes sure that a branch can be taken: does the whole instruction the slow way, as {@link
     * #host} may, if it leads to another page that is not known any more.
     *
     * @return whether it leads where code can continue; false if that is not known
     */
    boolean reaches(Branch branch);

    /** Continues where a branch leads that is taken. */
    void take(Branch branch);

    /** Continues after a branch that is not taken. */
    void pass(Branch branch);

    /** Takes a branch if a condition holds, as {@link Flags#condition} numbers them. */
    void branch(int condition, Branch branch);

    /** Continues at an address that a branch may have, in a temporary: where it went before, mostly. */
    void jump(int target);

    /** Returns to an address that a branch may have, in a temporary: after a call, mostly. */
    void returnTo(int target);

    /** Does the whole instruction the slow way, as {@link #host} may, if a temporary is no canonical address. */
    void leaveUnlessCanonical(int target);
}
