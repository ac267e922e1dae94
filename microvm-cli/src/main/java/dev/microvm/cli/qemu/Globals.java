package dev.microvm.cli.qemu;

import dev.microvm.devices.virtio.VirtioMmio;
import java.util.List;

/** What {@code -global} says: defaults of the properties of devices. */
final class Globals {
    private static final String FORCE_LEGACY = "virtio-mmio.force-legacy";

    private Globals() {}

    /** Takes both forms: {@code driver.property=value}, and driver, property and value apart. */
    static void apply(Invocation command, String text) {
        List<KeyValue> pairs = KeyValue.parse(text, "");
        String name = pairs.getFirst().key();
        String value = pairs.getFirst().value();
        if (name.equals("driver")) {
            name = valueOf("driver", pairs) + "." + valueOf("property", pairs);
            value = valueOf("value", pairs);
        }
        if (!name.equals(FORCE_LEGACY)) {
            throw new OptionException("only " + FORCE_LEGACY + "; give the property to each -device");
        }
        command.vm.virtioVersion(Values.isOn(value) ? VirtioMmio.Version.LEGACY : VirtioMmio.Version.MODERN);
    }

    private static String valueOf(String key, List<KeyValue> pairs) {
        return pairs.stream()
                .filter(each -> each.key().equals(key))
                .findFirst()
                .map(KeyValue::value)
                .orElseThrow(() -> new OptionException("needs " + key + "="));
    }
}
