package dev.microvm.cli.run;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.cli.CliException;
import dev.microvm.cli.Durations;
import dev.microvm.sandbox.root.PullProgress;
import dev.microvm.sandbox.root.Root;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** Options of a guest with a root, in which commands run. */
final class GuestOptions {
    private static final List<String> ARCHIVES =
            List.of(".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tar.bz2");
    private static final List<String> DISKS = List.of(".qcow2", ".img", ".raw", ".ext4");

    @ArgGroup
    @Nullable
    Source source;

    /** Where the root comes from: one of them. */
    static final class Source {
        @Option(
                names = "--root",
                paramLabel = "PATH",
                description = "Takes the root from a directory, a tar archive, an OCI layout or a disk (.qcow2, .img).")
        @Nullable
        Path root;

        @Option(
                names = "--image",
                paramLabel = "NAME",
                description = "Takes the root from a registry: registry/repository:tag.")
        @Nullable
        String image;
    }

    @Option(
            names = "--registry",
            paramLabel = "HOST[/PATH]",
            defaultValue = "${env:MICROVM_REGISTRY}",
            description = "Completes the name of an image that names no registry. Default: MICROVM_REGISTRY in the"
                    + " environment.")
    @Nullable
    String registry;

    @Option(
            names = "--modules",
            paramLabel = "DIR",
            description =
                    "Names the modules of --kernel, such as /lib/modules/6.1.0-30-amd64, if its drivers are not built"
                            + " in.")
    @Nullable
    Path modules;

    @Option(
            names = "--release",
            paramLabel = "RELEASE",
            description = "What uname -r says in the guest. Default: the name of the folder of --modules.")
    @Nullable
    String release;

    @Option(names = "--read-only", description = "Refuses changes of the root. Default: they are kept in memory.")
    boolean readOnly;

    @Option(names = "--keep-changes", description = "Writes changes into the disk of --root.")
    boolean keepChanges;

    @Option(
            names = "--writes",
            paramLabel = "SIZE",
            converter = Sizes.class,
            description = "How much may be written over the root, of the memory. Default: half of it.")
    @Nullable
    Integer writes;

    @Option(names = "--hostname", paramLabel = "NAME", description = "Sets the guest's name.")
    @Nullable
    String hostname;

    @Option(
            names = "--copy",
            paramLabel = "PATH:FOLDER",
            converter = CopyOption.Converter.class,
            description =
                    "Copies a file, or all that a folder has, into a folder of the guest before the command starts.")
    List<CopyOption> copies = new ArrayList<>();

    @Option(
            names = "--start-timeout",
            paramLabel = "TIME",
            converter = Durations.class,
            description = "How long the guest may take to start. Default: 1m.")
    Duration startTimeout = Duration.ofMinutes(1);

    /** Returns whether there is a root, so that commands run. */
    boolean hasRoot() {
        return source != null;
    }

    /** Returns what the root is made from. */
    String rootName() {
        if (source == null) return "";
        return source.image != null ? source.image : String.valueOf(source.root);
    }

    /** Returns the root. */
    Root root(PullProgress progress) {
        if (source == null) throw new IllegalStateException("there is no root");
        Root root = source.image != null ? image(source.image, registry, progress) : path(source.root);
        return readOnly ? root.readOnly() : root;
    }

    /** Returns an image of a registry, whose name may lack its registry if {@code registry} is given. */
    static Root image(String name, @Nullable String registry, PullProgress progress) {
        String first = name.contains("/") ? name.substring(0, name.indexOf('/')) : "";
        boolean complete = first.equals("localhost") || first.contains(".") || first.contains(":");
        boolean completed = !complete && registry != null && !registry.isEmpty();
        try {
            return Root.image(completed ? registry + "/" + name : name).progress(progress);
        } catch (IllegalArgumentException e) {
            throw new CliException(
                    "--image: " + e.getMessage(),
                    complete
                            ? "name it as its registry does"
                            : "there is no default registry: name it, or set MICROVM_REGISTRY=HOST[/PATH]");
        }
    }

    private Root path(@Nullable Path given) {
        Path path = given == null ? Path.of("") : given;
        String name = path.toString().toLowerCase(Locale.ROOT);
        if (!Files.exists(path))
            throw new CliException("--root: " + path + " does not exist", "give a directory, an archive or a disk");
        boolean disk = DISKS.stream().anyMatch(name::endsWith);
        if (keepChanges && !disk) {
            throw new CliException(
                    "--keep-changes: --root %s is no disk".formatted(path),
                    "only changes of a disk can be kept: leave it out");
        }
        if (Files.isDirectory(path))
            return Files.exists(path.resolve("oci-layout")) ? Root.oci(path) : Root.directory(path);
        if (ARCHIVES.stream().anyMatch(name::endsWith)) return Root.tar(path);
        if (!disk) {
            throw new CliException(
                    "--root: %s is neither a directory, nor named as an archive (%s) or a disk (%s)"
                            .formatted(path, String.join(" ", ARCHIVES), String.join(" ", DISKS)),
                    "give one of these");
        }
        Root root = Root.disk(DiskImage.of(path, DiskOption.formatByName(path)));
        return keepChanges ? root : root.changesInMemory();
    }
}
