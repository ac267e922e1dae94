package dev.microvm.sandbox.files;

import dev.microvm.sandbox.agent.RemoteFiles;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.FileStoreAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import org.jspecify.annotations.Nullable;

/** The file system in a guest that has a path. */
final class GuestFileStore extends FileStore {
    private final RemoteFiles files;
    private final String path;

    GuestFileStore(RemoteFiles files, String path) {
        this.files = files;
        this.path = path;
    }

    @Override
    public String name() {
        return path;
    }

    @Override
    public String type() {
        return "guest";
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public long getTotalSpace() throws IOException {
        return files.space(path).total();
    }

    @Override
    public long getUsableSpace() throws IOException {
        return files.space(path).usable();
    }

    @Override
    public long getUnallocatedSpace() throws IOException {
        return files.space(path).free();
    }

    @Override
    public boolean supportsFileAttributeView(Class<? extends FileAttributeView> type) {
        return type == BasicFileAttributeView.class || type == PosixFileAttributeView.class;
    }

    @Override
    public boolean supportsFileAttributeView(String name) {
        return name.equals("basic") || name.equals("posix");
    }

    @Override
    public <V extends FileStoreAttributeView> @Nullable V getFileStoreAttributeView(Class<V> type) {
        return null;
    }

    @Override
    public Object getAttribute(String attribute) {
        throw new UnsupportedOperationException(attribute);
    }
}
