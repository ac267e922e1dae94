package dev.microvm.sandbox.root.tree;

/** The types of files. */
public enum FileKind {
    DIRECTORY(0040000),
    FILE(0100000),
    SYMLINK(0120000),
    CHARACTER_DEVICE(0020000),
    BLOCK_DEVICE(0060000),
    FIFO(0010000),
    SOCKET(0140000);

    /** The bits of a mode that say the type: S_IFMT of {@code <linux/stat.h>}. */
    public static final int MASK = 0170000;

    private final int bits;

    FileKind(int bits) {
        this.bits = bits;
    }

    /** Returns the type's bits in a mode: S_IFDIR and so on. */
    public int bits() {
        return bits;
    }

    /**
     * Returns the type that a mode says.
     *
     * @throws IllegalArgumentException if there is no such type
     */
    public static FileKind of(int mode) {
        for (FileKind kind : values()) {
            if (kind.bits == (mode & MASK)) return kind;
        }
        throw new IllegalArgumentException("mode 0%o: no type of file".formatted(mode));
    }
}
