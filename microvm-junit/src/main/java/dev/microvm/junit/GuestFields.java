package dev.microvm.junit;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ReflectionSupport;

/** Finds the {@link Guest} fields of a class, and what is in them. */
final class GuestFields {
    private GuestFields() {}

    /** Returns how long the machine of a field lives: {@link Reset#PER_TEST} or {@link Reset#PER_CLASS}. */
    static Reset resetOf(Field field) {
        Reset said = field.getAnnotation(Guest.class).reset();
        if (said != Reset.BY_FIELD) return said;
        return Modifier.isStatic(field.getModifiers()) ? Reset.PER_CLASS : Reset.PER_TEST;
    }

    /** Returns the fields of a class and its superclasses, those of superclasses first. */
    static List<Field> of(Class<?> testClass) {
        return AnnotationSupport.findAnnotatedFields(
                testClass, Guest.class, field -> true, HierarchyTraversalMode.TOP_DOWN);
    }

    /**
     * Returns the guests of the fields with a life.
     *
     * @param instance of the class; null if there is none yet
     * @param missing makes a guest for a field without a value
     */
    static List<GuestVm> guests(Class<?> testClass, @Nullable Object instance, Reset life, Supplier<GuestVm> missing) {
        List<GuestVm> guests = new ArrayList<>();
        for (Field field : of(testClass)) {
            if (resetOf(field) != life) continue;
            boolean isStatic = Modifier.isStatic(field.getModifiers());
            if (!isStatic && instance == null) {
                throw new ExtensionConfigurationException(
                        "%s has PER_CLASS, but each test has an instance of its own: make it static, or annotate the class with @TestInstance(%s)"
                                .formatted(field, Lifecycle.PER_CLASS));
            }
            guests.add(guest(field, isStatic ? null : instance, missing));
        }
        return guests;
    }

    private static GuestVm guest(Field field, @Nullable Object instance, Supplier<GuestVm> missing) {
        if (field.getType() != GuestVm.class) {
            throw new ExtensionConfigurationException(
                    "%s: a @Guest field is a %s".formatted(field, GuestVm.class.getName()));
        }
        try {
            ReflectionSupport.makeAccessible(field);
            GuestVm guest = (GuestVm) field.get(instance);
            if (guest == null) {
                guest = missing.get();
                field.set(instance, guest);
            }
            guest.nameUnlessNamed(field.getName());
            return instance == null && resetOf(field) == Reset.PER_TEST ? guest.from(field) : guest;
        } catch (IllegalAccessException e) {
            throw new ExtensionConfigurationException("%s cannot be read and set: %s".formatted(field, e), e);
        }
    }
}
