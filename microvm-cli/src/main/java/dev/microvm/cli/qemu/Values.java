package dev.microvm.cli.qemu;

import dev.microvm.model.Feature;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;

/** Reads values as QEMU does; each method throws {@link OptionException} if it cannot. */
final class Values {
    private static final String UNITS = "BKMGTPE"; // each 1024 times the one before it

    private Values() {}

    /** Reads {@code on} or {@code off}, also {@code yes} and {@code true} and their opposites. */
    static boolean isOn(String text) {
        return switch (text) {
            case "on", "yes", "true", "y" -> true;
            case "off", "no", "false", "n" -> false;
            default -> throw new OptionException("on or off, was \"" + text + "\"");
        };
    }

    /** Reads {@code on}, {@code off} or {@code auto}. */
    static Feature feature(String text) {
        if (text.equals("auto")) return Feature.AUTO;
        if (!List.of("on", "off", "yes", "no", "true", "false", "y", "n").contains(text)) {
            throw new OptionException("on, off or auto, was \"" + text + "\"");
        }
        return isOn(text) ? Feature.ON : Feature.OFF;
    }

    /** Reads a whole number, decimal or hexadecimal with 0x. */
    static long number(String text, long least, long most) {
        try {
            long value = Long.decode(text);
            if (value >= least && value <= most) return value;
        } catch (NumberFormatException e) {
            // reported below
        }
        throw new OptionException("%d to %d, was \"%s\"".formatted(least, most, text));
    }

    /**
     * Reads a size in bytes: a number, which may have a fraction, and a unit of B, K, M, G, T, P or E.
     *
     * @param defaultUnit the unit of a number alone
     */
    static long size(String text, char defaultUnit) {
        String upper = text.toUpperCase(Locale.ROOT);
        int last = upper.length() - 1;
        boolean hasUnit = last >= 0 && UNITS.indexOf(upper.charAt(last)) >= 0;
        int power = UNITS.indexOf(hasUnit ? upper.charAt(last) : defaultUnit);
        try {
            BigDecimal number = new BigDecimal(hasUnit ? upper.substring(0, last) : upper);
            if (number.signum() >= 0)
                return number.multiply(BigDecimal.valueOf(1L << (10 * power))).longValueExact();
        } catch (NumberFormatException e) {
            // reported below
        } catch (ArithmeticException e) {
            throw new OptionException("a whole number of bytes below 8E, was \"" + text + "\"");
        }
        throw new OptionException("a size such as 512M or 1.5G, was \"" + text + "\"");
    }

    /** Requires one of some words. */
    static String oneOf(String text, String... words) {
        if (List.of(words).contains(text)) return text;
        throw new OptionException(String.join(" or ", words) + ", was \"" + text + "\"");
    }

    /** Requires a word whose other values QEMU has and this machine does not. */
    static void only(String text, String word, String why) {
        if (!text.equals(word)) throw new OptionException("only " + word + ", was \"" + text + "\": " + why);
    }
}
