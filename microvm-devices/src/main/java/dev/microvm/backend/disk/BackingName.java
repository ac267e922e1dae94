package dev.microvm.backend.disk;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The name of a backing file in the header of a qcow2 image, in any of QEMU's spellings of a local
 * file: {@code base.img}, {@code file:base.img}, {@code json:{"driver":"raw","file":{...}}}. Source:
 * QEMU's {@code block.c}, path_has_protocol and parse_json_protocol.
 */
final class BackingName {
    private static final Logger log = LoggerFactory.getLogger(BackingName.class);

    private static final String JSON = "json:";
    private static final String FILE = "file:";
    /** How many drivers may lie on the file: a format, perhaps a filter. */
    private static final int MOST_LAYERS = 4;

    private BackingName() {}

    /**
     * Returns the local file that a header names.
     *
     * @param image the image with the header; a relative name is relative to its folder
     */
    static Optional<Path> file(Path image, String name) {
        try {
            return localName(name).map(local -> image.toAbsolutePath().resolveSibling(local));
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    private static Optional<String> localName(String name) {
        if (name.startsWith(JSON)) {
            return FlatJson.read(name.substring(JSON.length())).flatMap(BackingName::ofOptions);
        }
        if (name.startsWith(FILE)) return Optional.of(name.substring(FILE.length()));
        int colon = name.indexOf(':');
        int slash = name.indexOf('/');
        boolean protocol = colon >= 0 && (slash < 0 || colon < slash);
        return protocol || name.isEmpty() ? Optional.empty() : Optional.of(name);
    }

    private static Optional<String> ofOptions(Map<String, String> options) {
        String layer = "";
        for (int i = 0; i < MOST_LAYERS; i++, layer += "file.") {
            String file = options.get(layer + "filename");
            if (file == null) continue;
            String driver = options.get(layer + "driver");
            if (driver == null) return localName(file);
            boolean local = driver.equals("file") || driver.equals("host_device");
            return local ? Optional.of(file) : Optional.empty();
        }
        return Optional.empty();
    }

    /**
     * Refuses a header that names a backing file, if the program has not said what is below the
     * image: a header could name any file of the host.
     */
    static void requireNone(Path image, Qcow2Header header) {
        String named = header.backingName();
        if (named == null) return;
        String format = header.backingFormat();
        throw new BlockException("disk image %s: it names a backing file, \"%s\"%s; if that is right, give %s to"
                        .formatted(
                                image,
                                named,
                                format == null ? "" : " (" + format + ")",
                                file(image, named).map(Path::toString).orElse("the file"))
                + " backing(), with its format; to do without it, use withoutBacking()");
    }

    /** Logs that the program gave another backing image than the header names: the program's holds. */
    static void warnOfOther(Path image, Qcow2Header header, DiskImage given) {
        String named = header.backingName();
        String format = header.backingFormat();
        if (named == null) {
            log.warn("disk image {}: its header names no backing file; {} is used, as told", image, given.path());
        } else if (file(image, named)
                .filter(file -> Files.exists(file) && !DiskImage.isSame(file, given.path()))
                .isPresent()) {
            log.warn(
                    "disk image {}: its header names the backing file \"{}\"; {} is used, as told",
                    image,
                    named,
                    given.path());
        }
        if (format != null && !format.equals(given.format().text())) {
            log.warn(
                    "disk image {}: its header says that its backing file is in format \"{}\"; {} is used, as told",
                    image,
                    format,
                    given.format().text());
        }
    }
}
