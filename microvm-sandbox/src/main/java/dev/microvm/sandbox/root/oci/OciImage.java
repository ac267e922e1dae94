package dev.microvm.sandbox.root.oci;

import dev.microvm.sandbox.root.source.ArchiveSource;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** An image of one platform: its configuration, and its layers from the lowest. */
public final class OciImage {
    private static final Set<String> INDEX_TYPES = Set.of(
            "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json");
    private static final Set<String> MANIFEST_TYPES = Set.of(
            "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json");
    private static final String REFERENCE_NAME = "org.opencontainers.image.ref.name"; // annotations.md
    private static final int MAX_DOCUMENT = 4 << 20; // bytes, as distribution's specification advises for manifests
    private static final int MAX_INDEXES = 8; // inside each other
    private static final int MAX_LAYERS = 10_000;

    private final Blobs blobs;
    private final Descriptor config;
    private final Json configDocument;
    private final List<Descriptor> layers;

    private OciImage(Blobs blobs, Descriptor config, Json configDocument, List<Descriptor> layers) {
        this.blobs = blobs;
        this.config = config;
        this.configDocument = configDocument;
        this.layers = layers;
    }

    /** Returns the media types of documents that lead to an image, for a registry. */
    public static List<String> mediaTypes() {
        List<String> types = new ArrayList<>(MANIFEST_TYPES);
        types.addAll(INDEX_TYPES);
        return types;
    }

    /**
     * Opens the image of a layout.
     *
     * @param reference its name there; empty if the layout has only one
     */
    public static OciImage ofLayout(LayoutBlobs layout, String reference, Platform platform) throws IOException {
        byte[] document;
        try (InputStream in = layout.file("index.json")) {
            document = in.readNBytes(MAX_DOCUMENT + 1);
        }
        requireSmall("index.json", document.length);
        Json index = Json.parse("index.json", document);
        return open(layout, named(index, reference), platform);
    }

    private static Json named(Json index, String reference) {
        if (reference.isEmpty()) return index;
        List<Json> entries = index.get("manifests").list(entry -> entry);
        return entries.stream()
                .filter(entry -> name(entry).equals(reference))
                .findFirst()
                .orElseThrow(() -> new RootContentException(
                        "it has no image with the reference '%s'".formatted(reference),
                        "choose one of " + entries.stream().map(OciImage::name).toList()));
    }

    private static String name(Json entry) {
        return entry.get("annotations").get(REFERENCE_NAME).text();
    }

    /**
     * Opens the image to which a document leads.
     *
     * @param start an index, a manifest, or a descriptor of one
     */
    public static OciImage open(Blobs blobs, Json start, Platform platform) throws IOException {
        Json document = start;
        for (int i = 0; i < MAX_INDEXES; i++) {
            if (!document.get("layers").isMissing()) return ofManifest(blobs, document, platform);
            if (!document.get("digest").isMissing()) {
                document = document(blobs, Descriptor.of(document));
            } else if (!document.get("manifests").isMissing()) {
                document = document(blobs, choose(document, platform));
            } else {
                throw new RootContentException("it has neither layers nor images", "give an OCI or Docker image");
            }
        }
        throw new RootContentException("its indexes lead to indexes without end", "make the image again");
    }

    private static Descriptor choose(Json index, Platform platform) {
        List<Json> entries = index.get("manifests").list(entry -> entry);
        List<Json> images = entries.stream()
                .filter(entry -> INDEX_TYPES.contains(entry.get("mediaType").text())
                        || MANIFEST_TYPES.contains(entry.get("mediaType").text()))
                .toList();
        Optional<Json> wanted = images.stream()
                .filter(entry -> platform.accepts(Platform.of(entry.get("platform"))))
                .findFirst();
        if (wanted.isPresent()) return Descriptor.of(wanted.get());
        if (images.size() == 1 && images.getFirst().get("platform").isMissing())
            return Descriptor.of(images.getFirst());
        if (images.isEmpty()) throw new RootContentException("its index has no image", "give an OCI or Docker image");
        throw new RootContentException(
                "it has no image for " + platform,
                "choose a platform or a reference of "
                        + images.stream().map(OciImage::describe).toList());
    }

    private static String describe(Json entry) {
        String name = name(entry);
        return name.isEmpty() ? Platform.of(entry.get("platform")).toString() : name;
    }

    private static OciImage ofManifest(Blobs blobs, Json manifest, Platform platform) throws IOException {
        Descriptor config = Descriptor.of(manifest.get("config"));
        List<Descriptor> layers = manifest.get("layers").list(Descriptor::of);
        if (layers.size() > MAX_LAYERS) {
            throw new RootContentException(
                    "it has %d layers".formatted(layers.size()), "make one of fewer than 10,000");
        }
        for (Descriptor layer : layers) requireLayer(layer);
        Json document = document(blobs, config);
        Platform actual = Platform.of(document);
        if (!actual.architecture().isEmpty() && !platform.accepts(actual)) {
            throw new RootContentException(
                    "it is for %s, not for %s".formatted(actual, platform), "choose another image");
        }
        return new OciImage(blobs, config, document, layers);
    }

    private static void requireLayer(Descriptor layer) {
        String type = layer.mediaType();
        boolean tar = type.contains("tar") && !type.endsWith("+encrypted");
        if (!tar) {
            throw new RootContentException(
                    "its layer %s is of the type '%s'".formatted(layer.digest(), type),
                    "give an image whose layers are tar archives that are not encrypted");
        }
    }

    private static Json document(Blobs blobs, Descriptor blob) throws IOException {
        requireSmall(blob.digest(), blob.size());
        try (InputStream in = blobs.open(blob)) {
            VerifiedInput verified = new VerifiedInput(in, blob);
            byte[] bytes = verified.readAllBytes();
            verified.verify();
            return Json.parse(blob.digest(), bytes);
        }
    }

    private static void requireSmall(String what, long size) {
        if (size > MAX_DOCUMENT) {
            throw new RootContentException(
                    "%s has %d bytes; 4 MiB are enough".formatted(what, size), "make the image again");
        }
    }

    /** Returns the configuration: config.md. */
    public Json config() {
        return configDocument;
    }

    /** Returns the layers, the lowest first. */
    public List<Descriptor> layers() {
        return layers;
    }

    /** Returns what names the root: the digests of configuration and layers. */
    public String identity() {
        StringBuilder digests = new StringBuilder(config.digest());
        layers.forEach(layer -> digests.append(' ').append(layer.digest()));
        return digests.toString();
    }

    /**
     * Reads the layers, one on the other, and checks each.
     *
     * @throws RootContentException if one is hostile, or not what its digest says
     */
    public void read(ArchiveSource archives) throws IOException {
        Blobs.Fetch fetch = blobs.prefetch(layers);
        try {
            for (Descriptor layer : layers) {
                try (InputStream in = blobs.open(layer)) {
                    VerifiedInput verified = new VerifiedInput(in, layer);
                    archives.readLayer(verified);
                    verified.verify();
                }
            }
        } finally {
            fetch.end();
        }
    }
}
