package dev.microvm.cli.qemu;

import dev.microvm.cli.json.JsonText;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A property of an option, as text. The grammar is QEMU's (util/qemu-option.c): pairs separated by
 * commas, {@code ,,} for a comma in a value, a first value without its key, and a key alone for
 * {@code key=on}.
 *
 * @param key name of the property
 * @param value its value; {@code on} for a key alone
 * @param alone whether it was a key alone
 */
record KeyValue(String key, String value, boolean alone) {
    /**
     * Reads the properties of an option; also from a JSON object, whose nested keys are joined by
     * dots.
     *
     * @param implied the key of a first value without one; empty if there is none
     * @throws OptionException if the text is no JSON object, or a key is missing
     */
    static List<KeyValue> parse(String text, String implied) {
        if (text.startsWith("{")) return parseJson(text);
        List<KeyValue> pairs = new ArrayList<>();
        int at = 0;
        while (at < text.length()) {
            int comma = text.indexOf(',', at);
            int equals = text.indexOf('=', at);
            boolean hasKey = equals >= 0 && (comma < 0 || equals < comma);
            boolean isImplied = !hasKey && at == 0 && !implied.isEmpty();
            if (!hasKey && !isImplied) {
                int end = comma < 0 ? text.length() : comma;
                pairs.add(new KeyValue(text.substring(at, end), "on", true));
                at = end + 1;
                continue;
            }
            String key = hasKey ? text.substring(at, equals) : implied;
            if (key.isEmpty()) throw new OptionException("a key is missing before \"" + text.substring(at) + "\"");
            int from = hasKey ? equals + 1 : at;
            int end = endOfValue(text, from);
            pairs.add(new KeyValue(key, text.substring(from, end).replace(",,", ","), false));
            at = end + 1;
        }
        return pairs;
    }

    /** Returns the place of the comma that ends a value, or the end of the text. */
    private static int endOfValue(String text, int from) {
        int at = from;
        while (true) {
            int comma = text.indexOf(',', at);
            if (comma < 0) return text.length();
            if (comma + 1 == text.length() || text.charAt(comma + 1) != ',') return comma;
            at = comma + 2;
        }
    }

    private static List<KeyValue> parseJson(String text) {
        try {
            List<KeyValue> pairs = new ArrayList<>();
            flatten("", JsonText.read(text), pairs);
            return pairs;
        } catch (IllegalArgumentException e) {
            throw new OptionException("is not a JSON object: " + e.getMessage());
        }
    }

    private static void flatten(String key, @Nullable Object value, List<KeyValue> to) {
        String prefix = key.isEmpty() ? "" : key + ".";
        switch (value) {
            case Map<?, ?> object -> object.forEach((name, each) -> flatten(prefix + name, each, to));
            case List<?> list -> {
                for (int i = 0; i < list.size(); i++) flatten(prefix + i, list.get(i), to);
            }
            case Boolean flag -> to.add(new KeyValue(key, flag ? "on" : "off", false));
            case null -> to.add(new KeyValue(key, "", false));
            default -> to.add(new KeyValue(key, value.toString(), false));
        }
    }

    @Override
    public String toString() {
        return alone ? key : key + "=" + value.replace(",", ",,");
    }
}
