package dev.microvm.engine.cpu;

/**
 * One translated instruction, and the link to the one after it.
 *
 * <p>{@link #execute} does its work and calls {@code next.execute(cpu)}; the last of a block
 * returns the block to run next. Each class makes that call itself, rather than a common
 * superclass: so each has a branch-target prediction and a type profile of its own. All are {@link
 * Sequential} but the last of a block and those that may have to run again.
 *
 * <p>An instruction knows where it is within its page, not its address: the same page can be mapped
 * at several. It changes nothing before the last thing in it that can fault.
 */
public abstract class Instruction {
    /** What runs after this; {@link Unlinked#INSTANCE} at the end of a block. */
    public Instruction next = Unlinked.INSTANCE;

    /** Offset in its page of its first byte. */
    short start;

    /**
     * Offset of the first byte after it; above 4095 if it reaches the end of the page or crosses
     * it.
     */
    short end;

    /** Makes an instruction that is nowhere yet. */
    protected Instruction() {}

    /** Says where it is. */
    public final void place(int startOffset, int endOffset) {
        start = (short) startOffset;
        end = (short) endOffset;
    }

    /**
     * Does it, and all that follow it in its block.
     *
     * @return the block to run next
     */
    public abstract Block execute(Cpu cpu);

    /**
     * Writes itself as bytecode, to be run in a {@link Region}. What does not know how to leaves
     * the region and runs as it is.
     */
    public void emit(Code code) {
        code.leave(this);
    }

    /** Its address, as RIP would hold it. */
    public final long rip(Cpu cpu) {
        return cpu.r[Cpu.CODE] + start;
    }

    /** The address of the instruction after it. */
    public final long nextRip(Cpu cpu) {
        return cpu.r[Cpu.CODE] + end;
    }

    /** Offset in its page of its first byte. */
    public final int start() {
        return start;
    }

    /** Offset in its page of the first byte after it. */
    public final int end() {
        return end;
    }

    /** Whether another is linked to it: it does not end its block. */
    public final boolean isFollowed() {
        return next != Unlinked.INSTANCE;
    }

    /** Lets the loop have its turn after this one, once; where a block ends it has it anyway. */
    final void interceptNext() {
        Instruction whole = this;
        while (whole.end == whole.start && whole.isFollowed()) whole = whole.next; // this is only a part of it
        if (whole.isFollowed() && !(whole.next instanceof Interception)) whole.next = new Interception(whole);
    }

    /** Between two instructions of a block, once. */
    private static final class Interception extends Instruction {
        private final Instruction before;
        private final Instruction after;

        Interception(Instruction before) {
            this.before = before;
            this.after = before.next;
            place(before.end, before.end);
        }

        @Override
        public Block execute(Cpu cpu) {
            before.next = after;
            return cpu.jump(rip(cpu));
        }
    }

    /** Where no instruction is: running it is an error in the translator. */
    private static final class Unlinked extends Instruction {
        static final Unlinked INSTANCE = new Unlinked();

        @Override
        public Block execute(Cpu cpu) {
            throw new IllegalStateException("ran past the end of a block");
        }
    }
}
