package dev.microvm.engine.cpu;

import dev.microvm.engine.memory.PhysicalMemory;

/**
 * The entry to translated code at one place in a page. It lasts as long as its page, so that
 * branches can hold on to it; its translation is made when it first runs, and made again after the
 * guest changed the bytes.
 */
public final class Block {
    /** Bytes of heap of a block that is not translated. */
    static final int EMPTY_SIZE = HeapSize.of(Block.class) + HeapSize.of(Untranslated.class);

    final CodePage page;
    final int start;

    /** What to run. */
    Instruction first;

    /** How many of the guest's instructions it has; 0 while it is not translated. */
    int instructions;

    /** Offset of the first byte after its last instruction; at most 4096, the part in this page. */
    int end;

    private Instruction entry; // what runs: first, or a region in its place
    private int size; // bytes of heap of its translation
    private long executions;

    Block(CodePage page, int start) {
        this.page = page;
        this.start = start;
        this.first = new Untranslated(this);
        this.entry = first;
    }

    /** Counts an execution, and returns what is to be executed: an instruction, or a region. */
    Instruction enter() {
        executions++;
        return entry;
    }

    /** What is to be executed. */
    public Instruction entry() {
        return entry;
    }

    /**
     * How often it was entered since it was translated: what shows which blocks are worth more
     * work.
     */
    public long executions() {
        return executions;
    }

    /** Starts counting anew: it was compiled as a part of a region that others enter. */
    public void countAnew() {
        executions = 0;
    }

    /** The page that it is in. */
    public CodePage page() {
        return page;
    }

    /** Offset in its page of its first instruction. */
    public int start() {
        return start;
    }

    /** How many of the guest's instructions it has; 0 while it is not translated. */
    public int instructions() {
        return instructions;
    }

    /** Its first instruction, compiled or not. */
    public Instruction first() {
        return first;
    }

    /** Whether a region runs in its place. */
    public boolean compiled() {
        return entry instanceof Region;
    }

    /** Lets a region run in its place. */
    void compiled(Region region) {
        entry = region;
    }

    /** Runs its instructions one by one again, if it runs a region. */
    void interpreted(Region region) {
        if (entry.equals(region)) entry = first;
    }

    public boolean translated() {
        return !(first instanceof Untranslated);
    }

    /** Takes what it is to run from now on. */
    void translated(Translation translation) {
        first = translation.first();
        entry = first;
        instructions = translation.instructions();
        end = Math.min(translation.end(), PhysicalMemory.PAGE_SIZE);
        executions = 0;
        size = sizeOf(first);
        page.heap().add(size);
        page.translated(this);
    }

    private static int sizeOf(Instruction first) {
        int bytes = 0;
        for (Instruction each = first; ; each = each.next) {
            bytes += HeapSize.ofInstruction(each.getClass());
            if (!each.isFollowed()) return bytes;
        }
    }

    /**
     * A store broke this block: it changed bytes that the translation was made of, so the
     * translation goes. If the block runs now, it ends after the instruction that stored: from now
     * on each of its links leads to a new translation.
     *
     * <p>This alone tells code that runs that it is outdated. Whatever runs several instructions
     * without following their links must learn of it here.
     */
    public void breakOff() {
        page.heap().remove(size);
        size = 0;
        Instruction each = first;
        first = new Untranslated(this);
        entry = first;
        page.dropRegions(this);
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
            return cpu.translate(block);
        }
    }

    /**
     * Stands for what followed in a block that broke off: continues there, by way of a new
     * translation.
     */
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
