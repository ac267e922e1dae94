package dev.microvm.sandbox;

import dev.microvm.sandbox.agent.RemoteFile;
import dev.microvm.sandbox.agent.RemoteFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The files that a command names for its result.
 *
 * @param contents by their paths
 * @param problems why some are missing, a line each
 */
record CollectedFiles(Map<String, byte[]> contents, List<String> problems) {
    private static final int PIECE = 1 << 16; // bytes

    /** Reads files, as long as they have no more than {@code most} bytes together. */
    static CollectedFiles read(RemoteFiles files, List<String> paths, long most) {
        Map<String, byte[]> contents = new LinkedHashMap<>();
        List<String> problems = new ArrayList<>();
        long left = most;
        for (String path : paths) {
            try {
                byte[] content = read(files, path, left);
                left -= content.length;
                contents.put(path, content);
            } catch (IOException e) {
                problems.add("%s was not collected: %s".formatted(path, e.getMessage()));
            }
        }
        return new CollectedFiles(contents, problems);
    }

    private static byte[] read(RemoteFiles files, String path, long most) throws IOException {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        ByteBuffer piece = ByteBuffer.allocate(PIECE);
        int flags = RemoteFile.O_RDONLY | RemoteFile.O_NONBLOCK; // a pipe would wait for a writer
        try (RemoteFile file = files.open(path, flags, 0)) {
            while (file.read(content.size(), piece.clear()) >= 0) {
                content.write(piece.array(), 0, piece.position());
                if (content.size() > most) throw new IOException("more bytes than Limits.outputBytes");
            }
        }
        return content.toByteArray();
    }
}
