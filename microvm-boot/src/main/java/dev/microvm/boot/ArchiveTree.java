package dev.microvm.boot;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is at the paths of an initial file system, as the kernel makes it of one entry after the
 * other. Paths have no leading slash. For one thread.
 *
 * <p>Source: Linux init/initramfs.c ({@code clean_path}); path_resolution(7).
 */
final class ArchiveTree {
    /** After so many symbolic links a path has too many: Linux include/linux/namei.h, MAXSYMLINKS. */
    private static final int MAX_LINKS = 40;

    private static final int MAX_LENGTH = 4096; // of a path: Linux uapi/linux/limits.h, PATH_MAX

    private final Map<String, Node> nodes = new HashMap<>();

    /** What is at a path. */
    private static final class Node {
        private final int type; // S_IFDIR and so on
        private final String target; // of a symbolic link
        private int children;

        Node(int type, String target) {
            this.type = type;
            this.target = target;
        }
    }

    /** A path that cannot be followed; the message says why. */
    static final class UnreachableException extends Exception {
        private static final long serialVersionUID = 1L;

        UnreachableException(String message) {
            super(message);
        }
    }

    /**
     * Adds an entry. A directory with entries stays if something else comes to its path.
     *
     * @param target of a symbolic link, else empty
     */
    void add(String path, int type, String target) {
        Node there = nodes.get(path);
        if (there == null) {
            Node parent = nodes.get(parentOf(path));
            if (parent != null) parent.children++;
        } else if ((there.type == type && type == CpioWriter.S_IFDIR) || there.children > 0) {
            return;
        }
        nodes.put(path, new Node(type, target));
    }

    /** Whether there is something at a path, whose links are not followed. */
    boolean has(String path) {
        return nodes.containsKey(path);
    }

    /** Whether there is a directory with entries at a path. */
    boolean hasEntries(String path) {
        Node there = nodes.get(path);
        return there != null && there.children > 0;
    }

    /**
     * Returns the path without symbolic links among its parents. The last part is not followed:
     * whatever is there is about to be replaced.
     *
     * @throws UnreachableException if a parent is no directory, or there are too many links
     */
    String resolve(String path) throws UnreachableException {
        Deque<String> rest = new ArrayDeque<>(partsOf(path));
        String last = rest.removeLast();
        List<String> real = new ArrayList<>();
        for (int links = 0; !rest.isEmpty(); ) {
            String part = rest.removeFirst();
            if (part.equals("..")) {
                if (!real.isEmpty()) real.removeLast();
                continue;
            }
            real.add(part);
            String at = String.join("/", real);
            if (at.length() > MAX_LENGTH) {
                throw new UnreachableException("a path of more than %d characters".formatted(MAX_LENGTH));
            }
            Node node = nodes.get(at);
            if (node == null || node.type == CpioWriter.S_IFDIR) continue;
            if (node.type != CpioWriter.S_IFLNK) {
                throw new UnreachableException("/%s, which is no directory".formatted(at));
            }
            if (++links > MAX_LINKS) {
                throw new UnreachableException("more than %d symbolic links, such as /%s -> %s: a cycle?"
                        .formatted(MAX_LINKS, at, node.target));
            }
            real.removeLast();
            if (node.target.startsWith("/")) real.clear();
            List<String> target = partsOf(node.target);
            Collections.reverse(target);
            target.forEach(rest::addFirst);
        }
        real.add(last);
        return String.join("/", real);
    }

    /** Returns the paths of a path's parents, from the top. */
    static List<String> parentsOf(String path) {
        List<String> parents = new ArrayList<>();
        for (int slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
            parents.add(path.substring(0, slash));
        }
        return parents;
    }

    /** Returns a path as it is here; null for the root, and for one that leads upwards. */
    static @Nullable String normalize(String path) {
        List<String> parts = partsOf(path);
        return parts.isEmpty() || parts.contains("..") ? null : String.join("/", parts);
    }

    private static List<String> partsOf(String path) {
        List<String> parts = new ArrayList<>(Arrays.asList(path.split("/")));
        parts.removeIf(part -> part.isEmpty() || part.equals("."));
        return parts;
    }

    private static String parentOf(String path) {
        int slash = path.lastIndexOf('/');
        return slash < 0 ? "" : path.substring(0, slash);
    }
}
