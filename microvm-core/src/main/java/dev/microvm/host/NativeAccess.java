package dev.microvm.host;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Whether the JVM lets a module call native code and use memory by its address (JEP 472). Some JVMs
 * only warn unless {@code --illegal-native-access=deny} is given, later ones deny by default, and
 * some deny as soon as another module was allowed. So this asks the JVM instead of its version.
 */
public final class NativeAccess {
    /** The modules that need it, in the order in which messages name them. */
    private static final List<String> MODULES = List.of("dev.microvm.core", "dev.microvm.engine");

    private static final String OPTION = "--enable-native-access=";

    private NativeAccess() {}

    /**
     * Returns that the JVM denies native access to a module, and the option that allows it; empty
     * if it does not. A JVM that warns does so here, once for each module.
     *
     * @param restricted a call of a restricted method, made by a class of {@code module}
     */
    public static Optional<String> denial(Module module, Runnable restricted) {
        if (module.isNativeAccessEnabled()) return Optional.empty();
        try {
            restricted.run();
            return Optional.empty();
        } catch (IllegalCallerException e) {
            return Optional.of("this JVM denies native access: start it with " + remedy(module));
        }
    }

    private static String remedy(Module module) {
        ModuleLayer layer = module.getLayer();
        if (layer == null) {
            return OPTION + "ALL-UNNAMED, or, with java -jar,"
                    + " put the line \"Enable-Native-Access: ALL-UNNAMED\" into the manifest of that jar";
        }
        return OPTION
                + MODULES.stream()
                        .filter(name -> layer.findModule(name).isPresent())
                        .collect(Collectors.joining(","));
    }
}
