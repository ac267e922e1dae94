package dev.microvm.cli.run;

import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.devices.virtio.fs.VirtioFsOptions;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A directory of the host that the guest shares.
 *
 * @param to the tag, or an absolute folder of the guest
 */
record ShareOption(SharedDirectory directory, String to) {
    private static final String READ_ONLY = ":ro";

    /** Whether it was given a tag, by which any guest can mount it. */
    boolean hasTag() {
        return !to.startsWith("/");
    }

    /** Returns the folder in which it is mounted if the guest has an agent. */
    String folder() {
        return hasTag() ? "/" + to : to;
    }

    /** Reads {@code DIR:TAG} or {@code DIR:/FOLDER}, either with {@code :ro} for a read-only one. */
    static final class Converter implements ITypeConverter<ShareOption> {
        @Override
        public ShareOption convert(String text) {
            boolean readOnly = text.endsWith(READ_ONLY);
            String rest = readOnly ? text.substring(0, text.length() - READ_ONLY.length()) : text;
            int colon = rest.lastIndexOf(':');
            String to = rest.substring(colon + 1);
            if (colon < 1 || !(VirtioFsOptions.isTag(to) || to.startsWith("/"))) {
                throw new TypeConversionException(
                        "must be DIR:TAG, such as src:work, or DIR:/FOLDER, either with :ro at its end, was '" + text
                                + "'");
            }
            SharedDirectory directory = SharedDirectory.of(Path.of(rest.substring(0, colon)));
            return new ShareOption(readOnly ? directory.readOnly() : directory, to);
        }
    }
}
