package dev.microvm.sandbox.root.tree;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A root file system while it is read from archives, whose entries come in any order. For one
 * thread.
 *
 * <p>Paths are raw names, relative to the root. A symbolic link among the parents is followed
 * inside the root, as it would be in the guest: one to {@code /etc} leads to the root's own {@code
 * etc}, and {@code ..} stops at the root. Missing parents are made.
 */
public final class FileTree {
    private static final String REMEDY = "do not use this archive, or make it again from a directory";
    /** Links that a path may lead through: MAXSYMLINKS of Linux include/linux/namei.h. */
    private static final int MAX_SYMLINKS = 40;

    private final FileNode root = FileNode.directory(Metadata.IMPLIED);
    private final ContentSink contents;
    private final TreeLimits limits;
    private int layer;

    /** Makes an empty root; {@code contents} is told of files that are removed. */
    public FileTree(ContentSink contents, TreeLimits limits) {
        this.contents = contents;
        this.limits = limits;
    }

    /** Returns the root directory. */
    public FileNode root() {
        return root;
    }

    /** Begins the next layer: what it removes was there before. */
    public void beginLayer() {
        layer++;
    }

    /**
     * Puts a file at a path and replaces what was there. A directory that was there keeps its
     * entries.
     *
     * @throws RootContentException if the path leads out of the root, or a parent is a file
     */
    public void put(String path, FileNode node) {
        limits.countFile(path);
        List<String> parts = parts(path);
        if (parts.isEmpty()) {
            if (!node.isDirectory()) throw hostile(path, "it is the root, but no directory");
            root.change(node.metadata(), layer);
            return;
        }
        FileNode parent = parent(path, parts);
        String name = parts.getLast();
        FileNode there = parent.entries().get(name);
        if (node.isDirectory() && there != null && there.isDirectory()) {
            there.change(node.metadata(), layer);
        } else {
            place(parent, name, node);
        }
    }

    /**
     * Gives a file one more name.
     *
     * @throws RootContentException if there is no file {@code target}, or it is a directory
     */
    public void link(String path, String target) {
        limits.countFile(path);
        FileNode node = find(target);
        if (node == null || node.isDirectory()) {
            throw hostile(path, "it is a hard link to %s, which is no file".formatted(RawName.text(target)));
        }
        List<String> parts = parts(path);
        if (parts.isEmpty()) throw hostile(path, "it is the root, but a hard link");
        FileNode parent = parent(path, parts);
        if (parent.entries().get(parts.getLast()) == node) {
            node.wasWrittenIn(layer);
        } else {
            place(parent, parts.getLast(), node);
        }
    }

    /** Removes what earlier layers have at a path; nothing there is no error. */
    public void whiteOut(String path) {
        List<String> parts = parts(path);
        if (parts.isEmpty()) throw hostile(path, "it removes the root");
        FileNode parent = parent(path, parts);
        FileNode there = parent.entries().get(parts.getLast());
        if (there != null && removeOlder(there)) {
            parent.entries().remove(parts.getLast());
        }
    }

    /** Removes what earlier layers have in a directory. */
    public void makeOpaque(String path) {
        List<String> parts = parts(path);
        FileNode directory = walk(path, parts, /* make= */ true);
        if (directory == null) throw hostile(path, "it is to be an empty directory, but is a file");
        removeOlderChildren(directory);
    }

    /** Returns what is at a path, without following a link at its end; null if there is nothing. */
    private @Nullable FileNode find(String path) {
        List<String> parts = parts(path);
        if (parts.isEmpty()) return root;
        FileNode parent = walk(path, parts.subList(0, parts.size() - 1), /* make= */ false);
        return parent == null ? null : parent.entries().get(parts.getLast());
    }

    private void place(FileNode parent, String name, FileNode node) {
        FileNode there = parent.entries().put(name, node);
        node.wasWrittenIn(layer);
        if (!node.isDirectory()) node.countName(1); // before the other goes: both may be one
        if (there != null) forget(there);
    }

    private FileNode parent(String path, List<String> parts) {
        FileNode parent = walk(path, parts.subList(0, parts.size() - 1), /* make= */ true);
        if (parent == null) throw hostile(path, "its parent is a file");
        return parent;
    }

    /** Follows the parts from the root; returns null if they lead to something that is no directory. */
    private @Nullable FileNode walk(String path, List<String> parts, boolean make) {
        Deque<FileNode> way = new ArrayDeque<>(List.of(root));
        Deque<String> left = new ArrayDeque<>(parts);
        int links = 0;
        while (!left.isEmpty()) {
            String part = left.pop();
            if (part.equals("..")) { // only a link can have it
                if (way.size() > 1) way.pop();
                continue;
            }
            FileNode here = way.getFirst();
            FileNode next = here.entries().get(part);
            if (next == null) {
                if (!make) return null;
                limits.countFile(path);
                next = FileNode.directory(Metadata.IMPLIED);
                next.wasWrittenIn(layer);
                here.entries().put(part, next);
            }
            if (next.kind() == FileKind.SYMLINK) {
                if (++links > MAX_SYMLINKS) throw hostile(path, "it leads through too many symbolic links");
                if (next.target().startsWith("/")) {
                    way.clear();
                    way.push(root);
                }
                follow(path, next.target()).reversed().forEach(left::push);
            } else if (next.isDirectory()) {
                way.push(next);
                if (way.size() > TreeLimits.DEPTH) throw hostile(path, "it is too deep");
            } else {
                return null;
            }
        }
        return way.getFirst();
    }

    private static List<String> follow(String path, String target) {
        List<String> parts = new ArrayList<>();
        for (String part : target.split("/", -1)) {
            if (part.length() > TreeLimits.NAME_LENGTH) throw hostile(path, "it leads through a name that is too long");
            if (!part.isEmpty() && !part.equals(".")) parts.add(part);
        }
        return parts;
    }

    /** Removes what is older than this layer; returns whether nothing is left. */
    private boolean removeOlder(FileNode node) {
        if (node.isDirectory()) {
            removeOlderChildren(node);
            return node.layer() < layer && node.entries().isEmpty();
        }
        if (node.layer() == layer) return false;
        forget(node);
        return true;
    }

    private void removeOlderChildren(FileNode directory) {
        for (Iterator<Map.Entry<String, FileNode>> i =
                        directory.entries().entrySet().iterator();
                i.hasNext(); ) {
            if (removeOlder(i.next().getValue())) i.remove();
        }
    }

    /** Gives back the places of what is no longer in the tree. */
    private void forget(FileNode node) {
        Deque<FileNode> left = new ArrayDeque<>(List.of(node));
        while (!left.isEmpty()) {
            FileNode next = left.pop();
            if (next.isDirectory()) {
                next.entries().values().forEach(left::push);
            } else if (next.countName(-1) == 0 && next.kind() == FileKind.FILE) {
                contents.release(next.content());
            }
        }
    }

    /** Splits a path of an archive, and refuses what no honest archive has. */
    private static List<String> parts(String path) {
        if (path.startsWith("/")) throw hostile(path, "its name begins at the root of the host");
        if (path.length() > TreeLimits.PATH_LENGTH) throw hostile(path.substring(0, 80), "its name is too long");
        if (path.indexOf('\0') >= 0) throw hostile(path, "its name has a zero byte");
        List<String> parts = new ArrayList<>();
        for (String part : path.split("/", -1)) {
            if (part.equals("..")) throw hostile(path, "its name leads out of its folder");
            if (part.length() > TreeLimits.NAME_LENGTH) throw hostile(path, "a part of its name is too long");
            if (!part.isEmpty() && !part.equals(".")) parts.add(part);
        }
        return parts;
    }

    private static RootContentException hostile(String path, String problem) {
        return new RootContentException("entry '%s': %s".formatted(RawName.text(path), problem), REMEDY);
    }
}
