package dev.microvm.sandbox.files;

import dev.microvm.sandbox.agent.RemoteWatch;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A path of a guest, by the rules of Linux. */
final class GuestPath implements Path {
    private final GuestFileSystem fileSystem;
    private final boolean absolute;
    private final List<String> names; // the empty path has one empty name

    private GuestPath(GuestFileSystem fileSystem, boolean absolute, List<String> names) {
        this.fileSystem = fileSystem;
        this.absolute = absolute;
        this.names = names.isEmpty() && !absolute ? List.of("") : List.copyOf(names);
    }

    static GuestPath of(GuestFileSystem fileSystem, String text) {
        if (text.indexOf('\0') >= 0) throw new InvalidPathException(text, "a character NUL");
        List<String> names = new ArrayList<>();
        for (String name : text.split("/", -1)) {
            if (!name.isEmpty()) names.add(name);
        }
        return new GuestPath(fileSystem, text.startsWith("/"), names);
    }

    private GuestPath with(boolean isAbsolute, List<String> newNames) {
        return new GuestPath(fileSystem, isAbsolute, newNames);
    }

    private boolean isEmpty() {
        return !absolute && names.equals(List.of(""));
    }

    /** Returns the text for the guest's kernel: absolute. */
    String remote() {
        return toAbsolutePath().toString();
    }

    @Override
    public GuestFileSystem getFileSystem() {
        return fileSystem;
    }

    @Override
    public boolean isAbsolute() {
        return absolute;
    }

    @Override
    public @Nullable Path getRoot() {
        return absolute ? with(true, List.of()) : null;
    }

    @Override
    public @Nullable Path getFileName() {
        return names.isEmpty() ? null : with(false, names.subList(names.size() - 1, names.size()));
    }

    @Override
    public @Nullable Path getParent() {
        if (names.isEmpty() || (!absolute && names.size() == 1)) return null;
        return with(absolute, names.subList(0, names.size() - 1));
    }

    @Override
    public int getNameCount() {
        return names.size();
    }

    @Override
    public Path getName(int index) {
        return subpath(index, index + 1);
    }

    @Override
    public Path subpath(int from, int to) {
        if (from < 0 || to > names.size() || from >= to) {
            throw new IllegalArgumentException("names %d to %d of %s".formatted(from, to, this));
        }
        return with(false, names.subList(from, to));
    }

    @Override
    public boolean startsWith(Path other) {
        return other instanceof GuestPath path
                && path.fileSystem == fileSystem
                && path.absolute == absolute
                && path.isEmpty() == isEmpty()
                && path.names.size() <= names.size()
                && names.subList(0, path.names.size()).equals(path.names);
    }

    @Override
    public boolean endsWith(Path other) {
        if (!(other instanceof GuestPath path) || path.fileSystem != fileSystem) return false;
        if (path.absolute) return equals(path);
        int from = names.size() - path.names.size();
        return from >= 0
                && path.isEmpty() == isEmpty()
                && names.subList(from, names.size()).equals(path.names);
    }

    @Override
    public Path normalize() {
        List<String> kept = new ArrayList<>();
        for (String name : names) {
            boolean up = name.equals("..");
            if (name.equals(".") || (up && absolute && kept.isEmpty())) continue;
            if (up && !kept.isEmpty() && !kept.getLast().equals("..")) kept.removeLast();
            else kept.add(name);
        }
        return with(absolute, kept);
    }

    @Override
    public Path resolve(Path other) {
        GuestPath path = require(other);
        if (path.absolute || isEmpty()) return path;
        if (path.isEmpty()) return this;
        List<String> all = new ArrayList<>(names);
        all.addAll(path.names);
        return with(absolute, all);
    }

    @Override
    public Path relativize(Path other) {
        GuestPath path = require(other);
        if (path.absolute != absolute)
            throw new IllegalArgumentException("one of %s and %s is relative".formatted(this, path));
        List<String> mine = isEmpty() ? List.of() : names;
        List<String> theirs = path.isEmpty() ? List.of() : path.names;
        int common = 0;
        while (common < mine.size()
                && common < theirs.size()
                && mine.get(common).equals(theirs.get(common))) common++;
        if (mine.subList(common, mine.size()).contains("..")) {
            throw new IllegalArgumentException("no relative path from %s to %s".formatted(this, path));
        }
        List<String> result = new ArrayList<>();
        for (int i = common; i < mine.size(); i++) result.add("..");
        result.addAll(theirs.subList(common, theirs.size()));
        return with(false, result);
    }

    private GuestPath require(Path other) {
        if (Objects.requireNonNull(other, "other") instanceof GuestPath path && path.fileSystem == fileSystem) {
            return path;
        }
        throw new ProviderMismatchException("%s is no path of the %s".formatted(other, fileSystem));
    }

    @Override
    public URI toUri() {
        try {
            return new URI("microvm-guest", null, remote(), null);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public GuestPath toAbsolutePath() {
        return absolute ? this : with(true, isEmpty() ? List.of() : names);
    }

    /** Returns the normalized path; checks that it exists, and resolves no symbolic links. */
    @Override
    public Path toRealPath(LinkOption... options) throws IOException {
        fileSystem.provider().checkAccess(this);
        return toAbsolutePath().normalize();
    }

    @Override
    public WatchKey register(WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers)
            throws IOException {
        if (!(Objects.requireNonNull(watcher, "watcher") instanceof GuestWatchService service)) {
            throw new ProviderMismatchException("a watch service of another file system");
        }
        if (modifiers.length > 0) throw new UnsupportedOperationException("modifier " + modifiers[0].name());
        int mask = 0;
        for (WatchEvent.Kind<?> each : events) mask |= mask(each);
        if (mask == 0) throw new IllegalArgumentException("events: at least one of those of a folder's entries");
        return service.register(this, fileSystem.files(), mask);
    }

    private static int mask(WatchEvent.Kind<?> kind) {
        if (kind.equals(StandardWatchEventKinds.ENTRY_CREATE)) return RemoteWatch.CREATE | RemoteWatch.MOVED_TO;
        if (kind.equals(StandardWatchEventKinds.ENTRY_DELETE)) return RemoteWatch.DELETE | RemoteWatch.MOVED_FROM;
        if (kind.equals(StandardWatchEventKinds.ENTRY_MODIFY)) return RemoteWatch.MODIFY;
        if (kind.equals(StandardWatchEventKinds.OVERFLOW)) return 0; // comes anyway
        throw new UnsupportedOperationException(kind.name());
    }

    @Override
    public int compareTo(Path other) {
        return toString().compareTo(require(other).toString());
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof GuestPath path
                && path.fileSystem == fileSystem
                && path.absolute == absolute
                && path.names.equals(names);
    }

    @Override
    public int hashCode() {
        return Objects.hash(absolute, names);
    }

    @Override
    public String toString() {
        return (absolute ? "/" : "") + String.join("/", names);
    }
}
