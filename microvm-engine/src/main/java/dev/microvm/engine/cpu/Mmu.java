package dev.microvm.engine.cpu;

import dev.microvm.engine.memory.HostMemory;
import dev.microvm.engine.memory.PhysicalMemory;
import dev.microvm.hypervisor.VcpuFailedException;
import java.util.Arrays;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Linear memory as instructions see it: a software TLB in front of the page tables.
 *
 * <p>The TLB is the only check between the guest and the host's memory. An entry vouches for one
 * page of one region of guest memory: {@code tag} is the page's linear address, {@code addend} what
 * to add to a linear address to have the host's. An access hits if the page of its <em>last</em>
 * byte has the tag found under its <em>first</em> byte's page: so one compare also refuses accesses
 * that cross into the next page. What misses is served byte by byte or page by page in the slow
 * paths, by way of {@link PhysicalMemory}.
 *
 * <p>A page that holds translated code has no write tag, nor has one whose dirty bit is not set,
 * nor ROM: so the slow path serves these. A page with bytes that are watched ({@link DebugUnit})
 * has neither a read nor a write tag.
 *
 * <p>User and supervisor have a TLB each; a supervisor that CR4.SMAP keeps from users' pages has
 * another one while RFLAGS.AC lets it access them, and users whose alignment is checked one that
 * holds nothing but code. Addresses that are not canonical miss.
 */
public final class Mmu {
    /** Kinds of access, and where their tags are in an entry. */
    public static final int READ = 0;

    public static final int WRITE = 1;
    public static final int FETCH = 2;
    public static final int ADDEND = 3;

    public static final int STRIDE_SHIFT = 2;
    public static final int STRIDE = 1 << STRIDE_SHIFT; // longs of an entry
    public static final int INDEX_SHIFT = 10; // page number times STRIDE
    static final int PAGE_SHIFT = 12;
    public static final long PAGE = -1L << PAGE_SHIFT;
    static final int OFFSET = PhysicalMemory.PAGE_SIZE - 1;

    private final Cpu cpu;
    private final PhysicalMemory memory;
    private final PageWalk walk;
    private final CodeHeap codeHeap;
    private final CodePages codePages;
    private final TlbBank supervisorBank = new TlbBank();
    private final TlbBank userBank = new TlbBank();
    private @Nullable TlbBank alignedBank; // of a user whose alignment is checked
    private @Nullable TlbBank openBank; // of a supervisor whom SMAP does not stop
    private TlbBank[] banks = {supervisorBank, userBank}; // and the others, once they were selected

    private boolean user;
    private TlbBank bank = supervisorBank;
    private long[] tlb = bank.entries;
    private @Nullable CodePage[] pages = bank.pages;
    private long flushes = 1; // of any kind

    Mmu(Cpu cpu, PhysicalMemory memory, CodeHeap codeHeap) {
        this.cpu = cpu;
        this.memory = memory;
        this.codeHeap = codeHeap;
        this.codePages = new CodePages(codeHeap);
        this.walk = new PageWalk(cpu, memory);
    }

    /** Chooses whose rights accesses have from now on. */
    void select(boolean asUser) {
        user = asUser;
        if (asUser) {
            use(cpu.alignmentChecked() ? alignedBank() : userBank);
        } else {
            use(cpu.opensUserPages() ? openBank() : supervisorBank);
        }
    }

    /**
     * Gives accesses the supervisor's rights as the processor's own accesses to its tables have
     * them, whatever RFLAGS.AC says: Intel SDM vol. 3A, 4.6.1, implicit accesses.
     */
    void selectImplicit() {
        user = false;
        use(supervisorBank);
    }

    private void use(TlbBank next) {
        bank = next;
        tlb = next.entries;
        pages = next.pages;
    }

    private TlbBank alignedBank() {
        if (alignedBank == null) alignedBank = furtherBank();
        return alignedBank;
    }

    private TlbBank openBank() {
        if (openBank == null) openBank = furtherBank();
        return openBank;
    }

    private TlbBank furtherBank() {
        TlbBank bank = new TlbBank();
        banks = Arrays.copyOf(banks, banks.length + 1);
        banks[banks.length - 1] = bank;
        return bank;
    }

    // For compiled code, which looks entries up by itself

    /** The entries that count now: {@link #READ}, {@link #WRITE}, {@link #FETCH} and {@link #ADDEND}. */
    public long[] entries() {
        return tlb;
    }

    /** The pages of code of those entries that have a {@link #FETCH} tag. */
    public @Nullable CodePage[] entryPages() {
        return pages;
    }

    /** The page of code at a linear address, if the TLB has it. */
    public @Nullable CodePage knownCode(long linear) {
        int i = TlbBank.index(linear);
        return tlb[i + FETCH] == (linear & PAGE) ? pages[i / STRIDE] : null;
    }

    // Loads and stores

    public int load8(long linear, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear & PAGE) == t[i]) return HostMemory.get8(linear + t[i + ADDEND]);
        return (int) slowLoad(linear, 1, READ, at);
    }

    public int load16(long linear, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 1 & PAGE) == t[i]) return HostMemory.get16(linear + t[i + ADDEND]);
        return (int) slowLoad(linear, 2, READ, at);
    }

    public int load32(long linear, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 3 & PAGE) == t[i]) return HostMemory.get32(linear + t[i + ADDEND]);
        return (int) slowLoad(linear, 4, READ, at);
    }

    public long load64(long linear, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 7 & PAGE) == t[i]) return HostMemory.get64(linear + t[i + ADDEND]);
        return slowLoad(linear, 8, READ, at);
    }

    public void store8(long linear, int value, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear & PAGE) == t[i + WRITE]) {
            HostMemory.put8(linear + t[i + ADDEND], value);
        } else {
            slowStore(linear, 1, value, at);
        }
    }

    public void store16(long linear, int value, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 1 & PAGE) == t[i + WRITE]) {
            HostMemory.put16(linear + t[i + ADDEND], value);
        } else {
            slowStore(linear, 2, value, at);
        }
    }

    public void store32(long linear, int value, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 3 & PAGE) == t[i + WRITE]) {
            HostMemory.put32(linear + t[i + ADDEND], value);
        } else {
            slowStore(linear, 4, value, at);
        }
    }

    public void store64(long linear, long value, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 7 & PAGE) == t[i + WRITE]) {
            HostMemory.put64(linear + t[i + ADDEND], value);
        } else {
            slowStore(linear, 8, value, at);
        }
    }

    /** Reads what the same instruction will write: a fault is that of a write. */
    public int load32ForWrite(long linear, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 3 & PAGE) == t[i + WRITE]) return HostMemory.get32(linear + t[i + ADDEND]);
        return (int) slowLoad(linear, 4, WRITE, at);
    }

    /** Reads what the same instruction will write: a fault is that of a write. */
    public long load64ForWrite(long linear, Instruction at) {
        int i = TlbBank.index(linear);
        long[] t = tlb;
        if ((linear + 7 & PAGE) == t[i + WRITE]) return HostMemory.get64(linear + t[i + ADDEND]);
        return slowLoad(linear, 8, WRITE, at);
    }

    /** Reads {@code size} bytes (1, 2, 4 or 8), zero-extended. */
    public long load(long linear, int size, Instruction at) {
        return switch (size) {
            case 1 -> load8(linear, at);
            case 2 -> load16(linear, at);
            case 4 -> load32(linear, at) & 0xFFFF_FFFFL;
            default -> load64(linear, at);
        };
    }

    /** Reads {@code size} bytes that the same instruction will write. */
    public long loadForWrite(long linear, int size, Instruction at) {
        if (size == 8) return load64ForWrite(linear, at);
        if (size == 4) return load32ForWrite(linear, at) & 0xFFFF_FFFFL;
        int i = TlbBank.index(linear);
        if ((linear + size - 1 & PAGE) == tlb[i + WRITE]) {
            long host = linear + tlb[i + ADDEND];
            return size == 1 ? HostMemory.get8(host) : HostMemory.get16(host);
        }
        return slowLoad(linear, size, WRITE, at);
    }

    /** Writes {@code size} bytes: 1, 2, 4 or 8. */
    public void store(long linear, long value, int size, Instruction at) {
        switch (size) {
            case 1 -> store8(linear, (int) value, at);
            case 2 -> store16(linear, (int) value, at);
            case 4 -> store32(linear, (int) value, at);
            default -> store64(linear, value, at);
        }
    }

    /** Makes sure that {@code size} bytes can be written, or faults. */
    public void probeWrite(long linear, int size, Instruction at) {
        int i = TlbBank.index(linear);
        if ((linear + size - 1 & PAGE) == tlb[i + WRITE]) return;
        translate(linear, WRITE, at);
        long last = linear + size - 1;
        if (((linear ^ last) & PAGE) != 0) translate(last & PAGE, WRITE, at);
    }

    // Without an access

    /**
     * The physical address that a linear one has, whoever may access it; empty if there is no page.
     *
     * <p>Changes nothing: no accessed bit, no TLB, no CR2. For a CPU that does not run.
     */
    public OptionalLong lookUp(long linear) {
        return new PageWalk(cpu, memory).lookUp(linear); // of its own: the other's result is the TLB's
    }

    // For bulk and atomic access

    /**
     * The host address of a linear one, good to the end of its page, or {@link PhysicalMemory#NONE}
     * where there is no memory, or none that may be written without a look each time.
     *
     * @param access {@link #READ} or {@link #WRITE}
     */
    public long host(long linear, int access, Instruction at) {
        int i = TlbBank.index(linear);
        if ((linear & PAGE) != tlb[i + access]) {
            translate(linear, access, at);
            if ((linear & PAGE) != tlb[i + access]) return PhysicalMemory.NONE;
        }
        return linear + tlb[i + ADDEND];
    }

    /**
     * The host address of an operand inside of 8 aligned bytes, where it can be changed atomically,
     * or {@link PhysicalMemory#NONE}.
     */
    public long atomic(long linear, int size, Instruction at) {
        if ((linear & Long.BYTES - 1) + size > Long.BYTES) return PhysicalMemory.NONE;
        return host(linear, WRITE, at);
    }

    /** Reads physical memory, or 0 where there is none. */
    long physical64(long physical) {
        long host = memory.hostAddress(physical);
        return host == PhysicalMemory.NONE ? 0 : HostMemory.get64(host);
    }

    // For what the platform writes to the guest's memory by itself, never to a device

    /** Whether there is memory at a physical address that the guest may write. */
    public boolean isWritable(long physical) {
        return memory.writable(physical);
    }

    /** Reads a word of memory that {@link #isWritable}; {@code physical} is a multiple of 4. */
    public int read32(long physical) {
        return (int) readPhysical(physical, Integer.BYTES);
    }

    /** Writes a word of memory that {@link #isWritable}; {@code physical} is a multiple of 4. */
    public void write32(long physical, int value) {
        writePhysical(physical, Integer.BYTES, value);
    }

    // Slow paths

    private long slowLoad(long linear, int size, int access, Instruction at) {
        long value = slowRead(linear, size, access, at);
        cpu.debug.accessed(linear, size, false, at);
        return value;
    }

    private long slowRead(long linear, int size, int access, Instruction at) {
        checkAlignment(linear, size, at);
        int here = (int) Math.min(size, PhysicalMemory.PAGE_SIZE - (linear & OFFSET));
        long physical = translate(linear, access, at);
        if (here == size) return readPhysical(physical, size);
        long second = translate(cpu.wrap(linear + here), access, at);
        long value = 0;
        for (int i = 0; i < size; i++) {
            long each = i < here ? physical + i : second + i - here;
            value |= readPhysical(each, 1) << (i * Byte.SIZE);
        }
        return value;
    }

    private void slowStore(long linear, int size, long value, Instruction at) {
        slowWrite(linear, size, value, at);
        cpu.debug.accessed(linear, size, true, at);
    }

    /** #AC(0) for what is not aligned where that counts: Intel SDM vol. 3A, 6.15, interrupt 17. */
    private void checkAlignment(long linear, int size, Instruction at) {
        if (bank == alignedBank && (linear & size - 1) != 0) throw cpu.fault(Vectors.AC, 0, at);
    }

    private void slowWrite(long linear, int size, long value, Instruction at) {
        checkAlignment(linear, size, at);
        int here = (int) Math.min(size, PhysicalMemory.PAGE_SIZE - (linear & OFFSET));
        long physical = translate(linear, WRITE, at);
        if (here == size) {
            writePhysical(physical, size, value);
            return;
        }
        long second = translate(cpu.wrap(linear + here), WRITE, at);
        for (int i = 0; i < size; i++) {
            long each = i < here ? physical + i : second + i - here;
            writePhysical(each, 1, value >>> (i * Byte.SIZE));
        }
    }

    private long readPhysical(long physical, int size) {
        long host = memory.hostAddress(physical);
        if (host == PhysicalMemory.NONE) {
            long value = cpu.platform().mmioRead(physical, size);
            return size == 8 ? value : value & (1L << (size * Byte.SIZE)) - 1;
        }
        return switch (size) {
            case 1 -> HostMemory.get8(host);
            case 2 -> HostMemory.get16(host);
            case 4 -> HostMemory.get32(host) & 0xFFFF_FFFFL;
            default -> HostMemory.get64(host);
        };
    }

    private void writePhysical(long physical, int size, long value) {
        long host = memory.hostAddress(physical);
        if (host == PhysicalMemory.NONE || !memory.writable(physical)) {
            long masked = size == 8 ? value : value & (1L << (size * Byte.SIZE)) - 1;
            cpu.platform().mmioWrite(physical, size, masked);
            return;
        }
        switch (size) {
            case 1 -> HostMemory.put8(host, (int) value);
            case 2 -> HostMemory.put16(host, (int) value);
            case 4 -> HostMemory.put32(host, (int) value);
            default -> HostMemory.put64(host, value);
        }
        CodePage page = codePages.first(physical & PAGE);
        while (page != null) {
            CodePage following = CodePages.next(page);
            page.written((int) physical & OFFSET, size);
            if (page.holdsData()) forget(page);
            page = following;
        }
    }

    /** Lets a page that held code be written without a detour. */
    private void forget(CodePage page) {
        codePages.remove(page);
        for (TlbBank each : banks) each.forget(page);
    }

    /** Walks the page tables, faults if it must, fills the TLB, returns the physical address. */
    private long translate(long linear, int access, @Nullable Instruction at) {
        if (!cpu.canonical(linear)) throw cpu.notCanonical(linear, at);
        int error = walk.walk(linear, access, user, bank != openBank);
        if (error >= 0) {
            cpu.cr2 = linear;
            throw cpu.fault(Vectors.PF, error, at);
        }
        fill(linear);
        return walk.physical;
    }

    /** Makes an entry of the last walk, if it led to memory. A fetch's tag is not set here. */
    private void fill(long linear) {
        long page = linear & PAGE;
        long physicalPage = walk.physical & PAGE;
        int i = TlbBank.index(linear);
        long[] t = tlb;
        long host = memory.hostAddress(physicalPage);
        if (host == PhysicalMemory.NONE) {
            bank.removeTags(i);
            return;
        }
        bank.use(i, walk.sizeShift, walk.global);
        long addend = host - page;
        if ((t[i + FETCH] & ~TlbBank.OUTDATED) != page || t[i + ADDEND] != addend) t[i + FETCH] = TlbBank.NO_PAGE;
        boolean seen = bank == alignedBank || cpu.debug.watches(page);
        t[i + READ] = seen ? TlbBank.NO_PAGE : page;
        t[i + ADDEND] = addend;
        boolean direct = !seen
                && walk.writable
                && walk.dirty
                && codePages.first(physicalPage) == null
                && memory.writable(physicalPage);
        t[i + WRITE] = direct ? page : TlbBank.NO_PAGE;
    }

    // Code

    /**
     * The page of code at a linear address: from the TLB, or else translated and brought up to
     * date.
     */
    public CodePage code(long linear) {
        int i = TlbBank.index(linear);
        CodePage page = pages[i / STRIDE];
        long tag = tlb[i + FETCH];
        if (page != null && (tag & ~TlbBank.OUTDATED) == (linear & PAGE)) {
            if ((tag & TlbBank.OUTDATED) != 0) {
                page.refresh(flushes);
                tlb[i + FETCH] = linear & PAGE;
            }
            return page;
        }
        return fetch(linear);
    }

    private CodePage fetch(long linear) {
        long physicalPage = translate(linear, FETCH, null) & PAGE;
        long host = memory.hostAddress(physicalPage);
        if (host == PhysicalMemory.NONE) {
            throw new VcpuFailedException(
                    "the guest runs code at 0x%x, where there is no memory".formatted(physicalPage), true);
        }
        CodePage page = codePages.find(physicalPage, cpu.mode());
        if (page != null) {
            page.refresh(flushes);
        } else {
            page = codePages.add(physicalPage, cpu.mode(), host);
            for (TlbBank each : banks) each.protect(host);
        }
        int i = TlbBank.index(linear);
        tlb[i + FETCH] = linear & PAGE;
        pages[i / STRIDE] = page;
        return page;
    }

    // Invalidation

    /** Forgets all translations of addresses. */
    public void flush() {
        flushes++;
        for (TlbBank each : banks) each.clear();
    }

    /** Forgets all but global pages: MOV to CR3. */
    public void flushNonGlobal() {
        flushes++;
        for (TlbBank each : banks) each.clearNonGlobal();
    }

    /** Forgets one page, which may be a large one: INVLPG. */
    public void flushPage(long linear) {
        flushes++;
        for (TlbBank each : banks) each.clearPage(linear);
    }

    /** Forgets all addresses and translations, because a part of memory is taken away. */
    public void forget() {
        flush();
        dropCode();
    }

    /** The same for a CPU that runs, and has its thread take the memory away. */
    public void forgetWhileRunning() {
        flush();
        breakCodeOff();
    }

    /** Makes the next fetch from each page compare it with what was translated. */
    public void outdateCode() {
        flushes++;
        for (TlbBank each : banks) each.outdateCode();
    }

    /** Makes the next fetch from each page translate its address, and compare the page too. */
    void forgetCode() {
        flushes++;
        for (TlbBank each : banks) each.forgetCode();
    }

    /** Forgets all translated code; what runs ends after its present instruction. */
    void breakCodeOff() {
        codePages.breakOff();
        forgetCode();
    }

    /**
     * Forgets all translated code if the budget wants the room. Only at a boundary between blocks,
     * or while the CPU does not run; a block that was to run must be looked up again.
     */
    public void dropCodeIfPressed() {
        if (codeHeap.mustDrop()) dropCode();
    }

    CodePages codePages() {
        return codePages;
    }

    /** Forgets all translated code, while none runs. */
    public void dropCode() {
        codePages.clear();
        forgetCode();
    }
}
