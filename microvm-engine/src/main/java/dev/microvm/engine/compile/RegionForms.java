package dev.microvm.engine.compile;

import dev.microvm.engine.cpu.Region;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The classes of regions that this JVM has, so that the same code of the guest has one, whichever
 * machine runs it: HotSpot has compiled it then, or at least counted its calls. Those that are used
 * stay, and so do those that were asked for most recently.
 */
final class RegionForms {
    /** How many stay though nobody uses them: each has some 100 KB, most of it HotSpot's code. */
    private static final int MOST_UNUSED = 200;

    private static final Map<Key, WeakReference<Region>> FORMS = new HashMap<>();
    private static final Map<Key, Region> RECENT = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Region> eldest) {
            return size() > MOST_UNUSED;
        }
    };

    /** What a class does: its bytes, and the constants that it was made with. */
    private record Key(ByteBuffer bytes, List<Object> constants) {}

    private RegionForms() {}

    /** Returns a region of a class that was written: one that is there already, if there is. */
    static Region of(RegionClass written, byte[] bytes) {
        Key key = new Key(ByteBuffer.wrap(digest(bytes)), written.constants());
        synchronized (FORMS) {
            Region form = known(key);
            if (form == null) {
                form = written.define(bytes);
                FORMS.values().removeIf(each -> each.refersTo(null));
                FORMS.put(key, new WeakReference<>(form));
            }
            RECENT.put(key, form);
            return form.copy();
        }
    }

    private static @Nullable Region known(Key key) {
        WeakReference<Region> form = FORMS.get(key);
        return form == null ? null : form.get();
    }

    /** Forgets those that nobody uses. */
    static void forgetUnused() {
        synchronized (FORMS) {
            RECENT.clear();
        }
    }

    private static byte[] digest(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
