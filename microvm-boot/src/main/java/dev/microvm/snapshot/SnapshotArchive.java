package dev.microvm.snapshot;

import dev.microvm.model.SnapshotException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * A snapshot in one compressed file, to be moved: a ZIP archive with the manifest, and an entry for
 * each chunk of RAM that is not all zero. For one thread.
 */
final class SnapshotArchive {
    private static final String MANIFEST = "manifest";
    private static final String CHUNK = "memory/"; // and the chunk's number

    private SnapshotArchive() {}

    /** Writes one. */
    static final class Writer implements AutoCloseable {
        private final ZipOutputStream zip;

        Writer(Path file) throws IOException {
            OutputStream to = Files.newOutputStream(file);
            zip = new ZipOutputStream(to);
            zip.setLevel(Deflater.BEST_SPEED);
        }

        void manifest(byte[] content) throws IOException {
            zip.putNextEntry(new ZipEntry(MANIFEST));
            zip.write(content);
        }

        void chunk(int number, MemorySegment content) throws IOException {
            zip.putNextEntry(new ZipEntry(CHUNK + number));
            zip.write(content.toArray(ValueLayout.JAVA_BYTE));
        }

        @Override
        public void close() throws IOException {
            zip.close();
        }
    }

    /** Reads one, which may be anything: what it says is checked before room is made for it. */
    static final class Reader implements AutoCloseable {
        private final Path file;
        private final ZipFile zip;

        Reader(Path file) throws IOException {
            this.file = file;
            this.zip = new ZipFile(file.toFile());
        }

        /** Returns the manifest, if it has no more than so many bytes. */
        byte[] manifest(long most) throws IOException {
            try (InputStream in = entry(MANIFEST)) {
                byte[] content = in.readNBytes(Math.toIntExact(most));
                if (in.read() >= 0) throw damaged("its manifest is too large");
                return content;
            }
        }

        /** Reads a chunk, which must have the size of {@code into}. */
        void chunk(int number, MemorySegment into) throws IOException {
            try (InputStream in = entry(CHUNK + number)) {
                byte[] content = in.readNBytes(Math.toIntExact(into.byteSize()));
                if (content.length < into.byteSize() || in.read() >= 0)
                    throw damaged(CHUNK + number + " has another size");
                MemorySegment.copy(content, 0, into, ValueLayout.JAVA_BYTE, 0, content.length);
            }
        }

        private InputStream entry(String name) throws IOException {
            ZipEntry found = zip.getEntry(name);
            if (found == null) throw damaged(name + " is missing");
            return zip.getInputStream(found);
        }

        private SnapshotException damaged(String what) {
            return new SnapshotException(
                    "snapshot: %s is no archive of a snapshot, or is damaged: %s".formatted(file, what));
        }

        @Override
        public void close() throws IOException {
            zip.close();
        }
    }
}
