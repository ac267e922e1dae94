package dev.microvm.limits;

import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads an amount such as {@code 512m} from a system property. */
final class BudgetProperty {
    private static final Logger log = LoggerFactory.getLogger(JvmBudgets.class);

    private BudgetProperty() {}

    /**
     * Returns the amount that the property gives, or the default where it is absent or is not an
     * amount; the latter is logged, because a budget is read where no caller expects an error.
     */
    static long read(String property, long byDefault) {
        String value = System.getProperty(property);
        if (value == null) {
            return byDefault;
        }
        try {
            return parse(value);
        } catch (IllegalArgumentException e) {
            log.warn(
                    "-D{}={}: must be an amount above 0 such as 4096, 64m or 2g; {} is used",
                    property,
                    value,
                    byDefault);
            return byDefault;
        }
    }

    /**
     * Returns the amount that a text gives: digits, perhaps with a suffix k, m or g.
     *
     * @throws IllegalArgumentException if it is not an amount above 0
     */
    static long parse(String text) {
        String value = text.strip().toLowerCase(Locale.ROOT);
        int shift = value.endsWith("k") ? 10 : value.endsWith("m") ? 20 : value.endsWith("g") ? 30 : 0;
        long number = Long.parseLong(shift == 0 ? value : value.substring(0, value.length() - 1));
        if (number <= 0 || number > Long.MAX_VALUE >> shift) {
            throw new IllegalArgumentException(text);
        }
        return number << shift;
    }
}
