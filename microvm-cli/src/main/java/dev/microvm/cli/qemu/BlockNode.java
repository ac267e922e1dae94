package dev.microvm.cli.qemu;

import static dev.microvm.cli.qemu.Property.ignored;
import static dev.microvm.cli.qemu.Property.maps;
import static dev.microvm.cli.qemu.Property.refused;

import dev.microvm.backend.disk.CacheMode;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.limits.RateLimit;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What {@code -blockdev} says: a node of QEMU's block graph, and the nodes within it. */
final class BlockNode implements DiskSource {
    static final Grammar<BlockNode> GRAMMAR = new Grammar<>(
            "-blockdev",
            "driver",
            List.of(
                    maps(
                            "driver=file|host_device|raw|qcow2|throttle",
                            "`DiskImage.raw(file)`, `DiskImage.qcow2(file)`; throttle: `VirtioBlkOptions.rateLimit`",
                            BlockNode::driver),
                    maps("node-name=ID", "the name for `drive=ID` of the device", (node, value) -> node.id = value),
                    maps("filename=FILE", "the file of the `DiskImage`", (node, value) -> {
                        requireFile(value);
                        node.filename = value;
                    }),
                    maps("file=ID", "another node, or `file.` and its properties", (node, value) -> node.file = value),
                    maps(
                            "backing=ID",
                            "`image.backing(...)`: another node, or `backing.` and its properties; null: `withoutBacking()`",
                            (node, value) -> node.backing = value),
                    maps("read-only=on|off", "`image.readOnly()`", (node, value) -> node.readOnly = Values.isOn(value)),
                    maps(
                            "cache.direct=on|off",
                            "`image.cache(NONE|WRITEBACK)`",
                            (node, value) -> node.direct = Values.isOn(value)),
                    maps(
                            "throttle-group=ID",
                            "the [throttle-group](#-object-throttle-group) with that id",
                            (node, value) -> node.group = value),
                    maps("locking=on|auto", "always on", (node, value) -> Values.oneOf(value, "on", "auto")),
                    ignored(
                            "auto-read-only, force-share, detect-zeroes, discard, aio, cache.no-flush, drop-cache,"
                                    + " lazy-refcounts, pass-discard-*, l2-cache-*, cache-size, refcount-cache-size,"
                                    + " cache-clean-interval, overlap-check*",
                            "as the back end does it"),
                    refused("encrypt.*, key-secret, size, offset, data-file*", "not here; leave it out")));

    String id = "";
    private String driver = "";
    private String filename = "";
    private String file = "";
    private String backing = "";
    private String group = "";
    private boolean readOnly;
    private boolean direct;
    private @Nullable BlockNode fileNode;
    private @Nullable BlockNode backingNode;

    /** Adds a node of a command line. */
    static void add(String text, Invocation command) {
        BlockNode node = new BlockNode();
        node.read(KeyValue.parse(text, GRAMMAR.implied()), text, command);
        command.keep(command.nodes, node.id, "block node", node);
    }

    private void read(List<KeyValue> pairs, String text, Invocation command) {
        List<KeyValue> own = new ArrayList<>();
        List<KeyValue> ofFile = new ArrayList<>();
        List<KeyValue> ofBacking = new ArrayList<>();
        for (KeyValue each : pairs) {
            if (!moved(each, "file.", ofFile) && !moved(each, "backing.", ofBacking)) own.add(each);
        }
        GRAMMAR.apply(own, text, this, command);
        if (!ofFile.isEmpty()) {
            fileNode = new BlockNode();
            fileNode.read(ofFile, text, command);
        }
        if (!ofBacking.isEmpty()) {
            backingNode = new BlockNode();
            backingNode.read(ofBacking, text, command);
        }
    }

    private static boolean moved(KeyValue pair, String prefix, List<KeyValue> to) {
        if (!pair.key().startsWith(prefix)) return false;
        to.add(new KeyValue(pair.key().substring(prefix.length()), pair.value(), pair.alone()));
        return true;
    }

    /** Refuses what is no file of the host, but QEMU's other protocols. */
    static void requireFile(String name) {
        if (name.matches("[a-z+]+://.*") || name.startsWith("json:") || name.startsWith("nbd:")) {
            throw new OptionException("only files of this host, was \"" + name + "\"; copy the image to a file");
        }
    }

    private void driver(String value) {
        if (!List.of("file", "host_device", "raw", "qcow2", "throttle").contains(value)) {
            throw new OptionException(
                    "there is no driver " + value + "; use file, raw or qcow2, and convert the image by qemu-img");
        }
        driver = value;
    }

    private boolean isLeaf() {
        return driver.equals("file") || driver.equals("host_device");
    }

    private BlockNode child(Invocation command) {
        BlockNode found = fileNode != null ? fileNode : command.nodes.get(file);
        if (found == null) {
            throw new OptionException("block node %s has no file%s; give file.filename=FILE"
                    .formatted(id, file.isEmpty() ? "" : " " + file));
        }
        return found;
    }

    @Override
    public DiskImage image(Invocation command) {
        DiskImage image = plainImage(command);
        BlockNode below = backingNode != null ? backingNode : command.nodes.get(backing);
        if (below != null) image = image.backing(below.image(command));
        else if (backing.equals("null")) image = image.withoutBacking();
        else if (!backing.isEmpty())
            throw new OptionException("there is no block node " + backing + "; give it by -blockdev");
        return isReadOnly(command) ? image.readOnly() : image;
    }

    private DiskImage plainImage(Invocation command) {
        if (isLeaf()) return cached(DiskImage.raw(Path.of(required(filename))));
        BlockNode child = child(command);
        if (driver.equals("throttle")) return child.image(command);
        if (!child.isLeaf()) {
            throw new OptionException(
                    "block node %s: driver %s over %s; use file below it".formatted(id, driver, child.driver));
        }
        Path path = Path.of(child.required(child.filename));
        return child.cached(cached(driver.equals("qcow2") ? DiskImage.qcow2(path) : DiskImage.raw(path)));
    }

    private String required(String name) {
        if (name.isEmpty()) throw new OptionException("block node " + id + " has no filename; give filename=FILE");
        return name;
    }

    private DiskImage cached(DiskImage image) {
        return direct ? image.cache(CacheMode.NONE) : image;
    }

    private boolean isReadOnly(Invocation command) {
        return readOnly || (!isLeaf() && child(command).isReadOnly(command));
    }

    @Override
    public RateLimit limit(Invocation command) {
        if (!driver.equals("throttle")) return RateLimit.NONE;
        ThrottleGroup named = command.throttleGroups.get(group);
        if (named == null)
            throw new OptionException(
                    "there is no throttle group \"" + group + "\"; give it by -object throttle-group,id=...");
        return named.limit();
    }

    @Override
    public String serial() {
        return "";
    }
}
