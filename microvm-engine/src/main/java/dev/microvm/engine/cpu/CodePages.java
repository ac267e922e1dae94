package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One CPU's translations, by physical page. When a guest has made it large, all of it goes, and what is still needed is
 * made again.
 */
final class CodePages {
    /** Pages at most: some 30 KiB of heap each with their translations. */
    private static final int CAPACITY = 8192;

    private final Map<Long, CodePage> pages = new HashMap<>();

    /** The page at a physical address in some mode, or null. */
    @Nullable
    CodePage first(long physical) {
        return pages.get(physical);
    }

    /** The page at a physical address in one mode, or null. */
    @Nullable
    CodePage find(long physical, CodeMode mode) {
        CodePage page = pages.get(physical);
        while (page != null && page.mode != mode) page = page.sibling;
        return page;
    }

    CodePage add(long physical, CodeMode mode, long host) {
        CodePage page = new CodePage(physical, mode, host);
        page.sibling = pages.put(physical, page);
        return page;
    }

    boolean full() {
        return pages.size() >= CAPACITY;
    }

    void clear() {
        for (CodePage each : pages.values()) {
            for (CodePage page = each; page != null; page = page.sibling) page.dropAll();
        }
        pages.clear();
    }
}
