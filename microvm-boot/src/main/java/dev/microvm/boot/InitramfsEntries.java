package dev.microvm.boot;

import dev.microvm.boot.image.ElfHeader;
import dev.microvm.boot.image.Hex;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.compress.CompressionException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decides where the entries of an initial file system go, beside those of its base: symbolic links
 * among the parents of a path are followed, and a parent is made only where there is none.
 */
final class InitramfsEntries {
    private static final String SUBJECT = "initramfs";
    private static final String INIT = "init";
    private static final int PARENT_MODE = 0755;
    private static final int EXECUTABLE = 0111;
    private static final int HEAD_SIZE = 20; // bytes of a program that show what it is
    private static final int MACHINE_AT = 18; // e_machine, 2 bytes
    private static final int EM_386 = 3;
    private static final int EM_X86_64 = 62;

    private final ArchiveTree tree;
    private final Map<String, Entry> placed = new TreeMap<>();

    private InitramfsEntries(ArchiveTree tree) {
        this.tree = tree;
    }

    /** The entry at a path; {@code mode} has its type and permissions. */
    record Entry(int mode, int major, int minor, InitramfsContent content) {
        int type() {
            return mode & CpioWriter.S_IFMT;
        }
    }

    /**
     * Returns the entries to write, by path, so that a directory comes before its entries.
     *
     * @param given by path
     * @param needed paths of programs that must be there
     * @throws BootException if the base cannot be read, a path cannot be followed, or a needed
     *     program is missing
     */
    static Map<String, Entry> place(Map<String, Entry> given, @Nullable InitramfsContent base, List<String> needed) {
        Entry init = given.get(INIT);
        if (init != null && init.type() == CpioWriter.S_IFREG) checkInit(init);
        InitramfsEntries entries = new InitramfsEntries(base == null ? new ArchiveTree() : read(base));
        given.forEach((path, entry) -> { // links first, because other paths may lead through them
            if (entry.type() == CpioWriter.S_IFLNK) entries.add(path, entry);
        });
        given.forEach((path, entry) -> {
            if (entry.type() != CpioWriter.S_IFLNK) entries.add(path, entry);
        });
        needed.forEach(entries::require);
        return entries.placed;
    }

    private static ArchiveTree read(InitramfsContent base) {
        String subject = base.subject("base");
        try (InputStream in = base.open();
                InitialFilesReader reader = new InitialFilesReader()) {
            return reader.read(in);
        } catch (InvalidImageException e) {
            throw new BootException(subject, e.expected(), e.found(), e);
        } catch (CompressionException e) {
            throw new BootException(subject, "intact %s data".formatted(e.format()), String.valueOf(e.getMessage()), e);
        } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) { // the XZ library throws all
            throw new BootException(
                    subject, "an intact initial file system", "data that cannot be read: " + e.getMessage(), e);
        }
    }

    private void add(String path, Entry entry) {
        String real = resolve(path);
        if (entry.type() != CpioWriter.S_IFDIR && tree.hasEntries(real)) {
            throw new BootException(
                    SUBJECT,
                    "nothing, or no directory with entries, where /%s goes".formatted(path),
                    "a directory with entries at /%s in the base".formatted(real));
        }
        for (String parent : ArchiveTree.parentsOf(real)) {
            if (tree.has(parent)) continue;
            put(parent, new Entry(CpioWriter.S_IFDIR | PARENT_MODE, 0, 0, InitramfsContent.NONE), "");
        }
        put(real, entry, entry.type() == CpioWriter.S_IFLNK ? targetOf(entry) : "");
    }

    private void require(String program) {
        if (tree.has(resolve(program))) return;
        throw new BootException(
                SUBJECT, "a static %s, which /init needs: add it by file(...)".formatted(program), "nothing there");
    }

    private String resolve(String path) {
        try {
            return tree.resolve(path);
        } catch (ArchiveTree.UnreachableException e) {
            throw new BootException(
                    SUBJECT, "directories, or links to some, above /" + path, String.valueOf(e.getMessage()), e);
        }
    }

    private void put(String path, Entry entry, String target) {
        placed.put(path, entry);
        tree.add(path, entry.type(), target);
    }

    private static String targetOf(Entry link) {
        return new String(head(link.content(), Math.toIntExact(link.content().size())), StandardCharsets.UTF_8);
    }

    /** Checks that the kernel can start {@code /init}: a script or an ELF program, and executable. */
    private static void checkInit(Entry init) {
        String subject = init.content().subject("init");
        if ((init.mode() & EXECUTABLE) == 0) {
            throw new BootException(
                    subject,
                    "an /init that may be executed, such as mode 0755",
                    "mode 0%o".formatted(init.mode() & 07777));
        }
        byte[] head = head(init.content(), HEAD_SIZE);
        String expected = "an /init that begins with #! and a program, or is an ELF program for x86";
        if (ElfHeader.matches(head) && head.length == HEAD_SIZE) {
            int machine = (head[MACHINE_AT] & 0xFF) | (head[MACHINE_AT + 1] & 0xFF) << 8;
            if (machine == EM_X86_64 || machine == EM_386) return;
            throw new BootException(subject, expected, "an ELF program for machine %d".formatted(machine));
        }
        if (head.length > 2 && head[0] == '#' && head[1] == '!') return;
        throw new BootException(
                subject, expected, head.length == 0 ? "an empty file" : "one that begins with " + Hex.start(head));
    }

    private static byte[] head(InitramfsContent content, int size) {
        try (InputStream in = content.open()) {
            return in.readNBytes(size);
        } catch (IOException e) {
            throw new BootException(content.subject(SUBJECT), "a readable file", String.valueOf(e.getMessage()), e);
        }
    }
}
