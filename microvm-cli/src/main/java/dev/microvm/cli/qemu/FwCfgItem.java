package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Path;
import java.util.List;

/** What {@code -fw_cfg} says: an item for firmware and guest. */
final class FwCfgItem {
    static final Grammar<FwCfgItem> GRAMMAR = new Grammar<>(
            "-fw_cfg",
            "name",
            List.of(
                    maps("name=opt/NAME", "the name of the item", (item, value) -> item.name = value),
                    maps("file=FILE", "`fwCfg(\"opt/NAME\", path)`", (item, value) -> item.file = value),
                    maps("string=TEXT", "`fwCfg(\"opt/NAME\", bytes)`", (item, value) -> {
                        item.text = value;
                        item.hasText = true;
                    }),
                    refused("gen_id", "not here; use file= or string=")));

    private String name = "";
    private String file = "";
    private String text = "";
    private boolean hasText;

    static void add(Invocation command, String given) {
        FwCfgItem item = new FwCfgItem();
        GRAMMAR.apply(given, item, command);
        if (item.hasText == !item.file.isEmpty()) throw new OptionException("needs one of file=FILE and string=TEXT");
        if (item.hasText) command.vm.fwCfg(item.name, item.text.getBytes(UTF_8));
        else command.vm.fwCfg(item.name, Path.of(item.file));
    }
}
