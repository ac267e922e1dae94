package dev.microvm.sandbox.root.tree;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** A file of any type. One with several names, by hard links, is one node. For one thread. */
public final class FileNode {
    private final FileKind kind;
    private final Content content;
    private final String target;
    private final int major;
    private final int minor;
    private final Map<String, FileNode> children = new TreeMap<>();
    private Metadata metadata;
    private int layer; // of the archive that wrote it last
    private int names; // hard links, of anything but a directory

    private FileNode(FileKind kind, Metadata metadata, Content content, String target, int major, int minor) {
        this.kind = kind;
        this.metadata = metadata;
        this.content = content;
        this.target = target;
        this.major = major;
        this.minor = minor;
    }

    /** Makes an empty directory. */
    public static FileNode directory(Metadata metadata) {
        return new FileNode(FileKind.DIRECTORY, metadata, Content.EMPTY, "", 0, 0);
    }

    /** Makes a regular file. */
    public static FileNode file(Metadata metadata, Content content) {
        return new FileNode(FileKind.FILE, metadata, content, "", 0, 0);
    }

    /** Makes a symbolic link to a raw name. */
    public static FileNode symlink(Metadata metadata, String target) {
        return new FileNode(FileKind.SYMLINK, metadata, Content.EMPTY, target, 0, 0);
    }

    /** Makes a character or block device. */
    public static FileNode device(FileKind kind, Metadata metadata, int major, int minor) {
        return new FileNode(kind, metadata, Content.EMPTY, "", major, minor);
    }

    /** Makes a FIFO or a socket. */
    public static FileNode special(FileKind kind, Metadata metadata) {
        return new FileNode(kind, metadata, Content.EMPTY, "", 0, 0);
    }

    /** Returns its type. */
    public FileKind kind() {
        return kind;
    }

    /** Returns owner, permissions and so on. */
    public Metadata metadata() {
        return metadata;
    }

    /** Returns where the bytes of a regular file are. */
    public Content content() {
        return content;
    }

    /** Returns where a symbolic link leads, a raw name. */
    public String target() {
        return target;
    }

    /** Returns the major number of a device. */
    public int major() {
        return major;
    }

    /** Returns the minor number of a device. */
    public int minor() {
        return minor;
    }

    /** Returns what is in a directory, by raw names in the order of their bytes. */
    public Map<String, FileNode> children() {
        return Collections.unmodifiableMap(children);
    }

    /** Returns whether it is a directory. */
    public boolean isDirectory() {
        return kind == FileKind.DIRECTORY;
    }

    /** Returns how many names it has; of no meaning for a directory. */
    public int names() {
        return names;
    }

    Map<String, FileNode> entries() {
        return children;
    }

    int layer() {
        return layer;
    }

    void change(Metadata to, int inLayer) {
        metadata = to;
        layer = inLayer;
    }

    void wasWrittenIn(int inLayer) {
        layer = inLayer;
    }

    /** Counts a name that was given or taken away; returns how many there are then. */
    int countName(int difference) {
        names += difference;
        return names;
    }
}
