package dev.microvm.cli.run;

import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A file or folder of the host that is copied into a folder of the guest. */
record CopyOption(Path from, String to) {
    /** Reads {@code PATH:FOLDER}. */
    static final class Converter implements ITypeConverter<CopyOption> {
        @Override
        public CopyOption convert(String text) {
            int colon = text.lastIndexOf(':');
            if (colon < 1 || !text.startsWith("/", colon + 1)) {
                throw new TypeConversionException(
                        "must be PATH:FOLDER with an absolute folder of the guest, such as src:/src, was '" + text
                                + "'");
            }
            return new CopyOption(Path.of(text.substring(0, colon)), text.substring(colon + 1));
        }
    }
}
