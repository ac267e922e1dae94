package dev.microvm.engine.cpu;

/**
 * The entry to translated code at one place in a page. It lasts as long as its page, so that branches can hold on to it;
 * what it leads to is made when it first runs, and made again after the guest changed the bytes.
 */
public final class Block {
    final CodePage page;
    final int start;

    /** What to run. */
    Instruction first;

    /** How many instructions it has; 0 while it is not translated. */
    int instructions;

    /** Offset of the first byte after its last instruction; at most 4096, the part in this page. */
    int end;

    Block(CodePage page, int start) {
        this.page = page;
        this.start = start;
        this.first = new Untranslated(this);
    }

    boolean translated() {
        return !(first instanceof Untranslated);
    }

    /** Forgets the translation. If it runs now, it ends after the instruction that caused this. */
    void drop() {
        Instruction each = first;
        first = new Untranslated(this);
        instructions = 0;
        while (each.isFollowed()) {
            Instruction following = each.next;
            each.next = new Resume(each.end);
            each = following;
        }
    }

    /** Stands for code that was not translated yet. */
    private static final class Untranslated extends Instruction {
        private final Block block;

        Untranslated(Block block) {
            this.block = block;
            place(block.start, block.start);
        }

        @Override
        public Block execute(Cpu cpu) {
            cpu.translate(block);
            return block;
        }
    }

    /** Stands for what followed in a block whose bytes changed under it: goes on there, by way of a new translation. */
    private static final class Resume extends Instruction {
        Resume(int offset) {
            place(offset, offset);
        }

        @Override
        public Block execute(Cpu cpu) {
            return cpu.jump(rip(cpu));
        }
    }
}
