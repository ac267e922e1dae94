package dev.microvm.boot.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The kernel inside a bzImage.
 *
 * <p>Source: Linux Documentation/arch/x86/boot.rst, "payload_offset".
 */
public final class KernelPayload {
    private KernelPayload() {}

    /**
     * Finds the payload of {@code image}, a whole bzImage file that begins with {@code header}.
     *
     * @return its unpacked bytes; empty if its format is not supported, such as LZO
     * @throws IOException if the file cannot be read
     */
    public static Optional<ImageSource> find(SetupHeader header, FileImage image) throws IOException {
        long start = header.kernelOffset() + header.payloadOffset(); // within the file: see SetupHeader.check
        FileImage payload = new FileImage(image.file(), start, header.payloadLength());
        byte[] magic = new byte[(int) Math.min(Compression.MAGIC_SIZE, payload.size())];
        try (ImageReader reader = payload.open(magic.length, Cancellation.NEVER)) {
            reader.read(MemorySegment.ofArray(magic));
        }
        if (ElfHeader.matches(magic)) return Optional.of(payload);
        return Compression.of(magic).map(compression -> new PackedImage(compression, payload));
    }
}
