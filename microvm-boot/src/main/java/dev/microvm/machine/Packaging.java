package dev.microvm.machine;

import dev.microvm.hypervisor.Hypervisor;
import java.lang.module.ResolvedModule;

/**
 * How a program carries the library, as far as that explains why a hypervisor is not found.
 *
 * @param form how the JVM finds classes
 * @param hasClass whether the hypervisor's class is there, though its service is not
 */
record Packaging(Form form, boolean hasClass) {
    /** How the JVM finds classes. */
    enum Form {
        /** By the class path, as jars or merged into one. */
        CLASS_PATH,
        /** By the module path. */
        MODULE_PATH,
        /** In an image that jlink made. */
        RUNTIME_IMAGE
    }

    private static final String MERGE = "merge META-INF/services when jars are merged into one"
            + " (Maven shade: ServicesResourceTransformer; Gradle shadow: mergeServiceFiles())";

    private static final String IMAGE_SCHEME = "jrt"; // JEP 220

    /** Returns how this program carries the class of a hypervisor. */
    static Packaging of(String className) {
        return new Packaging(form(Hypervisor.class.getModule()), exists(className));
    }

    private static Form form(Module core) {
        ModuleLayer layer = core.getLayer();
        if (layer == null) return Form.CLASS_PATH;
        boolean image = layer.configuration()
                .findModule(core.getName())
                .map(ResolvedModule::reference)
                .flatMap(reference -> reference.location())
                .filter(location -> IMAGE_SCHEME.equals(location.getScheme()))
                .isPresent();
        return image ? Form.RUNTIME_IMAGE : Form.MODULE_PATH;
    }

    private static boolean exists(String className) {
        try {
            Class.forName(className, false, Hypervisor.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    /**
     * Says that a hypervisor is missing, and how to add it.
     *
     * @param artifact the name of its artifact, such as {@code microvm-engine}
     * @param module the name of its module
     */
    String missing(String artifact, String module) {
        return switch (form) {
            case CLASS_PATH ->
                hasClass
                        ? artifact + " is on the class path, but not found as a service: " + MERGE
                        : artifact + " is missing: add the dependency dev.microvm:" + artifact;
            case MODULE_PATH ->
                "%s is missing: put the jar of dev.microvm:%s on the module path".formatted(artifact, artifact);
            case RUNTIME_IMAGE ->
                "%s is missing in this runtime image: make it with jlink --add-modules %s".formatted(artifact, module);
        };
    }
}
