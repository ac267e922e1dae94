package dev.microvm.junit;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLocksProvider;
import org.junit.platform.commons.support.AnnotationSupport;

/** Lets tests run one after another that share a field whose machine is replaced before each of them. */
final class SharedGuestLocks implements ResourceLocksProvider {
    @Override
    public Set<Lock> provideForMethod(List<Class<?>> enclosing, Class<?> testClass, Method testMethod) {
        Set<Lock> locks = new LinkedHashSet<>();
        for (Class<?> each : enclosing) addFor(each, locks);
        addFor(testClass, locks);
        return locks;
    }

    private static void addFor(Class<?> testClass, Set<Lock> locks) {
        boolean oneInstance = AnnotationSupport.findAnnotation(testClass, TestInstance.class)
                .filter(annotation -> annotation.value() == Lifecycle.PER_CLASS)
                .isPresent();
        GuestFields.of(testClass).stream()
                .filter(field -> GuestFields.resetOf(field) == Reset.PER_TEST)
                .filter(field -> oneInstance || Modifier.isStatic(field.getModifiers()))
                .map(field -> new Lock("microvm guest " + field, ResourceAccessMode.READ_WRITE))
                .forEach(locks::add);
    }
}
