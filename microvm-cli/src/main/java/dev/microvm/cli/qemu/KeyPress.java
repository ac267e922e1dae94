package dev.microvm.cli.qemu;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The keys that a monitor can press: Ctrl-Alt-Delete alone, by which the guest is asked to end. It
 * presses the power button, because the machine has no keyboard. Names of keys are those of QEMU's
 * qapi/ui.json, QKeyCode.
 */
final class KeyPress {
    private static final Set<String> CTRL = Set.of("ctrl", "ctrl_r");
    private static final Set<String> ALT = Set.of("alt", "alt_r");
    private static final Set<String> DELETE = Set.of("delete", "kp_decimal");

    private KeyPress() {}

    /** Presses the keys of {@code sendkey}, such as {@code ctrl-alt-delete}. */
    static void sendKey(String keys, Control control) {
        press(List.of(keys.split("-", -1)), control);
    }

    /** Presses the keys of {@code send-key}: a list of KeyValue. */
    static void sendKey(List<?> keys, Control control) {
        List<String> names = new ArrayList<>();
        for (Object each : keys) names.add(nameOf(each));
        press(names, control);
    }

    /** Presses the keys of {@code input-send-event}: a list of InputEvent. */
    static void inputEvents(List<?> events, Control control) {
        List<String> names = new ArrayList<>();
        boolean anyDown = false;
        for (Object each : events) {
            if (!(each instanceof Map<?, ?> event)
                    || !"key".equals(event.get("type"))
                    || !(event.get("data") instanceof Map<?, ?> data)) {
                throw new OptionException("there is no pointer; only events of type key");
            }
            anyDown |= Boolean.TRUE.equals(data.get("down"));
            names.add(nameOf(data.get("key")));
        }
        if (anyDown) press(names, control); // letting keys go does nothing
    }

    private static String nameOf(@Nullable Object key) {
        if (key instanceof Map<?, ?> value && value.get("data") instanceof String name) return name;
        throw new OptionException("a key is {\"type\": \"qcode\", \"data\": \"NAME\"}");
    }

    private static void press(Collection<String> keys, Control control) {
        boolean asksForEnd = keys.stream().anyMatch(CTRL::contains)
                && keys.stream().anyMatch(ALT::contains)
                && keys.stream().anyMatch(DELETE::contains);
        if (!asksForEnd) {
            throw new OptionException("there is no keyboard: only ctrl-alt-delete, which presses the power button");
        }
        control.powerDown();
    }
}
