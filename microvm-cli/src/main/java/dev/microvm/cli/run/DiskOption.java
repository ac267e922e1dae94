package dev.microvm.cli.run;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.disk.ImageFormat;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a disk: {@code FILE[,format=raw|qcow2][,ro][,overlay]}. */
final class DiskOption implements ITypeConverter<DiskImage> {
    private static final String FORMAT = "format=";

    @Override
    public DiskImage convert(String text) {
        String[] parts = text.split(",", -1);
        Path file = Path.of(parts[0]);
        ImageFormat format = formatByName(file);
        boolean readOnly = false;
        boolean overlay = false;
        for (int i = 1; i < parts.length; i++) {
            String part = parts[i];
            if (part.equals("ro")) readOnly = true;
            else if (part.equals("overlay")) overlay = true;
            else if (part.equals(FORMAT + "raw")) format = ImageFormat.RAW;
            else if (part.equals(FORMAT + "qcow2")) format = ImageFormat.QCOW2;
            else {
                throw new TypeConversionException(
                        "has the unknown part '%s': FILE[,format=raw|qcow2][,ro][,overlay]".formatted(part));
            }
        }
        DiskImage image = DiskImage.of(file, format);
        if (overlay) return image.overlay();
        return readOnly ? image.readOnly() : image;
    }

    /** By the name that the user gave, never by the content, which a guest may have written. */
    static ImageFormat formatByName(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".qcow2") ? ImageFormat.QCOW2 : ImageFormat.RAW;
    }
}
