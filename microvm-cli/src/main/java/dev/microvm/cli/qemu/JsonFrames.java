package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a stream of bytes into JSON objects, which need no line ends between them. What is outside of
 * objects, up to a line end, is a text of its own, for an error. For one thread.
 */
final class JsonFrames {
    private static final int MOST = 1 << 20; // bytes of an object

    private final ByteArrayOutputStream frame = new ByteArrayOutputStream();
    private int depth;
    private boolean inString;
    private boolean escaped;

    /** Takes bytes and returns the objects that they complete. */
    List<String> add(byte[] bytes, int length) {
        List<String> complete = new ArrayList<>();
        for (int i = 0; i < length; i++) {
            byte each = bytes[i];
            if (depth == 0 && frame.size() == 0 && each != '\n' && each <= ' ' && each >= 0) continue;
            boolean ends = ends(each);
            if (each != '\n' || depth > 0) frame.write(each);
            if ((ends && frame.size() > 0) || frame.size() > MOST) {
                complete.add(frame.toString(UTF_8));
                reset();
            }
        }
        return complete;
    }

    private boolean ends(byte each) {
        if (inString) {
            if (escaped) escaped = false;
            else if (each == '\\') escaped = true;
            else if (each == '"') inString = false;
            return false;
        }
        switch (each) {
            case '"' -> inString = depth > 0;
            case '{', '[' -> depth++;
            case '}', ']' -> {
                depth = Math.max(0, depth - 1);
                return depth == 0;
            }
            default -> {
                return depth == 0 && each == '\n';
            }
        }
        return false;
    }

    /** Forgets what is not complete. */
    void reset() {
        frame.reset();
        depth = 0;
        inString = false;
        escaped = false;
    }
}
