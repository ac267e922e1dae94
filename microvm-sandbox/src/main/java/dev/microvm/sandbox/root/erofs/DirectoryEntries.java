package dev.microvm.sandbox.root.erofs;

import dev.microvm.sandbox.root.tree.FileNode;
import dev.microvm.sandbox.root.tree.RawName;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The entries of a directory, in blocks: each has its entries, then their names. All are in the
 * order of their bytes, so that the kernel can search by halves; {@code .} and {@code ..} too.
 */
final class DirectoryEntries {
    private final List<Entry> entries = new ArrayList<>();
    private final List<Integer> starts = new ArrayList<>(); // the first entry of each block
    private final int lastSize; // bytes of the last block
    private int directories;

    /** An entry; its inode is set when all are known. */
    private static final class Entry {
        private final String name;
        private final byte type;
        private Inode inode;

        Entry(String name, Inode inode, FileNode node) {
            this.name = name;
            this.inode = inode;
            type = ErofsFormat.fileType(node.kind());
        }

        int size() {
            return ErofsFormat.DIRENT_SIZE + name.length();
        }
    }

    /** Lays out the entries; those of the children lead to {@code self} until {@link #lead}. */
    DirectoryEntries(FileNode directory, Inode self, Inode parent) {
        entries.add(new Entry(".", self, directory));
        entries.add(new Entry("..", parent, directory));
        directory.children().forEach((name, child) -> {
            entries.add(new Entry(name, self, child));
            if (child.isDirectory()) directories++;
        });
        entries.sort(Comparator.comparing(entry -> entry.name));
        int used = ErofsFormat.BLOCK_SIZE;
        for (int i = 0; i < entries.size(); i++) {
            int size = entries.get(i).size();
            if (used + size > ErofsFormat.BLOCK_SIZE) {
                starts.add(i);
                used = 0;
            }
            used += size;
        }
        lastSize = used;
    }

    /** Tells to which inode the entry of a child leads. */
    void lead(String name, Inode inode) {
        int low = 0;
        int high = entries.size() - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (entries.get(middle).name.compareTo(name) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        entries.get(low).inode = inode;
    }

    /** Bytes of all blocks, of which only the last can be shorter. */
    long size() {
        return (long) (starts.size() - 1) * ErofsFormat.BLOCK_SIZE + lastSize;
    }

    /** Directories in it. */
    int directories() {
        return directories;
    }

    /** Writes a block. */
    void write(int block, ByteBuffer out) {
        int first = starts.get(block);
        int end = block + 1 < starts.size() ? starts.get(block + 1) : entries.size();
        int nameOffset = (end - first) * ErofsFormat.DIRENT_SIZE;
        for (Entry entry : entries.subList(first, end)) {
            out.putLong(entry.inode.nid()); // nid
            out.putShort((short) nameOffset); // nameoff
            out.put(entry.type).put((byte) 0); // file_type, reserved
            nameOffset += entry.name.length();
        }
        for (Entry entry : entries.subList(first, end)) {
            out.put(RawName.bytes(entry.name));
        }
    }
}
