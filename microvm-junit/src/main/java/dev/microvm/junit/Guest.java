package dev.microvm.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a field or parameter of type {@link GuestVm} in a class with {@link MicroVms}.
 *
 * <p>A static field is one machine for the class, an instance field one for each test; {@link
 * #reset} changes that. A parameter is a machine of its own, for as long as its method's test or
 * class. A field with a value describes its guest itself. Parameters, and fields without a value,
 * get the guest that {@link MicroVms} names.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.FIELD, ElementType.PARAMETER})
public @interface Guest {
    /** Says how often the machine is replaced by a fresh one. Not for parameters. */
    Reset reset() default Reset.BY_FIELD;
}
