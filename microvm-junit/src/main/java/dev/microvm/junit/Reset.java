package dev.microvm.junit;

/** Says how long the machine of a {@link Guest} field lives. */
public enum Reset {
    /** One for the class if the field is static, else one for each test. */
    BY_FIELD,
    /**
     * A fresh machine for each test. If the tests share the field, because it is static or because
     * they share the instance, they run one after another, also in a parallel run.
     */
    PER_TEST,
    /** One machine for all tests of the class. The field must be static, or all tests share the instance. */
    PER_CLASS
}
