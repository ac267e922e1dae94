package dev.microvm.junit;

import dev.microvm.sandbox.root.Root;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.ReflectionSupport;

/** Finds the guest for parameters, and for fields without a value: that of the class, its package, or the run. */
final class GuestDefaults {
    private GuestDefaults() {}

    /** Returns a new description. */
    static GuestVm guest(ExtensionContext context) {
        Class<?> testClass = context.getRequiredTestClass();
        return Stream.concat(annotation(testClass).stream(), ofPackage(testClass).stream())
                .filter(GuestDefaults::namesGuest)
                .findFirst()
                .map(GuestDefaults::described)
                .or(() -> context.getConfigurationParameter(GuestProvider.PARAMETER)
                        .map(GuestDefaults::provider)
                        .map(GuestDefaults::described))
                .orElseThrow(() -> new ExtensionConfigurationException(
                        "no guest is described for a parameter, or a field without a value, of %s: @MicroVms(guest = ...) or @MicroVms(root = ...) on the class or its package, or the configuration parameter %s"
                                .formatted(testClass.getName(), GuestProvider.PARAMETER)));
    }

    /** Returns the annotation of a class, or of the nearest class around it. */
    static Optional<MicroVms> annotation(Class<?> testClass) {
        for (Class<?> each = testClass; each != null; each = each.getEnclosingClass()) {
            Optional<MicroVms> found = AnnotationSupport.findAnnotation(each, MicroVms.class);
            if (found.isPresent()) return found;
        }
        return Optional.empty();
    }

    private static Optional<MicroVms> ofPackage(Class<?> testClass) {
        return AnnotationSupport.findAnnotation(testClass.getPackage(), MicroVms.class);
    }

    private static boolean namesGuest(MicroVms annotation) {
        return annotation.guest() != GuestProvider.class || !annotation.root().isEmpty();
    }

    private static GuestVm described(MicroVms annotation) {
        if (annotation.root().isEmpty()) {
            return described(ReflectionSupport.newInstance(annotation.guest()));
        }
        if (annotation.guest() != GuestProvider.class) {
            throw new ExtensionConfigurationException("@MicroVms has both guest and root: name one");
        }
        Path path = Path.of(annotation.root());
        if (!Files.exists(path)) {
            throw new ExtensionConfigurationException("the root of @MicroVms does not exist: " + path.toAbsolutePath());
        }
        GuestVm guest = GuestVm.of(Files.isDirectory(path) ? Root.directory(path) : Root.tar(path));
        if (annotation.memoryMiB() != 0) guest.withMemoryMiB(annotation.memoryMiB());
        if (!annotation.template().isEmpty()) guest.withTemplate(Path.of(annotation.template()));
        return guest.from(List.of(path.toAbsolutePath(), annotation.memoryMiB(), annotation.template()));
    }

    private static GuestVm described(GuestProvider provider) {
        return provider.guest().from(provider.getClass());
    }

    private static GuestProvider provider(String className) {
        @Nullable
        Class<?> found = ReflectionSupport.tryToLoadClass(className)
                .getNonNullOrThrow(cause -> new ExtensionConfigurationException(
                        "%s names a class that cannot be loaded: %s".formatted(GuestProvider.PARAMETER, className),
                        cause));
        if (!GuestProvider.class.isAssignableFrom(found)) {
            throw new ExtensionConfigurationException(
                    "%s: %s is no %s".formatted(GuestProvider.PARAMETER, className, GuestProvider.class.getName()));
        }
        return ReflectionSupport.newInstance(found.asSubclass(GuestProvider.class));
    }
}
