package dev.microvm.cli.run;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a size of memory in MiB: {@code 256}, {@code 256m}, {@code 2g}. */
final class Sizes implements ITypeConverter<Integer> {
    private static final Pattern SIZE = Pattern.compile("([0-9]{1,7})([mg]?)(i?b)?");

    @Override
    public Integer convert(String text) {
        Matcher size = SIZE.matcher(text.toLowerCase(Locale.ROOT));
        if (!size.matches()) {
            throw new TypeConversionException("must be a size such as 256m or 2g, was '" + text + "'");
        }
        int number = Integer.parseInt(size.group(1));
        if (!size.group(2).equals("g")) return number;
        if (number > Integer.MAX_VALUE >> 10) throw new TypeConversionException("is too much: '" + text + "'");
        return number << 10;
    }
}
