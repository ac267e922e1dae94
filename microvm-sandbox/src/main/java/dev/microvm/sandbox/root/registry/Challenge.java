package dev.microvm.sandbox.root.registry;

import java.net.http.HttpHeaders;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a registry wants to be asked: RFC 9110, 11.6.1.
 *
 * @param scheme {@code basic} or {@code bearer}
 * @param parameters by names in lower case
 */
record Challenge(String scheme, Map<String, String> parameters) {
    private static final Pattern SCHEME = Pattern.compile("\\s*(Basic|Bearer)\\b(.*)", Pattern.CASE_INSENSITIVE);
    private static final Pattern PARAMETER = Pattern.compile("(\\w+)=\"([^\"]*)\"");

    /** Returns the first that is understood. */
    static Optional<Challenge> of(HttpHeaders headers) {
        for (String value : headers.allValues("WWW-Authenticate")) {
            Matcher matcher = SCHEME.matcher(value);
            if (!matcher.matches()) continue;
            Map<String, String> parameters = new HashMap<>();
            Matcher each = PARAMETER.matcher(matcher.group(2));
            while (each.find()) parameters.put(each.group(1).toLowerCase(Locale.ROOT), each.group(2));
            return Optional.of(new Challenge(matcher.group(1).toLowerCase(Locale.ROOT), parameters));
        }
        return Optional.empty();
    }

    boolean isBasic() {
        return scheme.equals("basic");
    }

    String get(String name) {
        return parameters.getOrDefault(name, "");
    }
}
