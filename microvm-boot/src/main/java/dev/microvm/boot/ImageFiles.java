package dev.microvm.boot;

import dev.microvm.boot.image.FileImageReader;
import dev.microvm.boot.image.ImageReader;
import dev.microvm.boot.image.InvalidImageException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** Access to kernel, initrd and firmware files, with the same errors for all. */
final class ImageFiles {
    private ImageFiles() {}

    /**
     * Checks that {@code file} is a readable regular file, and returns its size in bytes.
     *
     * @param expected what the file should be, for the message
     */
    static long requireReadable(Path file, String expected) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            if (attributes.isDirectory()) throw new BootException(file.toString(), expected, "a directory");
            if (!attributes.isRegularFile()) {
                throw new BootException(file.toString(), expected, "something that is not a regular file");
            }
            if (!Files.isReadable(file))
                throw new BootException(file.toString(), expected, "a file without read permission");
            return attributes.size();
        } catch (IOException e) {
            throw unreadable(file, expected, e);
        }
    }

    /**
     * Reads the first {@code size} bytes of {@code file}.
     *
     * @param expected what the file should be, for the message
     */
    static byte[] read(Path file, long size, String expected) {
        byte[] bytes = new byte[(int) size];
        try (ImageReader reader = new FileImageReader(file)) {
            reader.read(MemorySegment.ofArray(bytes));
            return bytes;
        } catch (IOException e) {
            throw unreadable(file, expected, e);
        } catch (InvalidImageException e) {
            throw new BootException(file.toString(), expected, e.found(), e);
        }
    }

    /** Returns the exception for a {@code file} that could not be read. */
    static BootException unreadable(Path file, String expected, IOException cause) {
        String found = switch (cause) {
            case NoSuchFileException e -> "no such file";
            case AccessDeniedException e -> "a file without read permission";
            default -> "a file that cannot be read: " + cause.getMessage();
        };
        return new BootException(file.toString(), expected, found, cause);
    }
}
