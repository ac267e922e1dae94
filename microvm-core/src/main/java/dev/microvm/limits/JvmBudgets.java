package dev.microvm.limits;

import java.util.List;

/**
 * The budgets that all machines of this JVM share. docs/limits.md tells what each one is for, how
 * it is set, and what a machine meets at the limit.
 *
 * <p>Each is set by a system property before the first machine is built: a number, or a number with
 * one of the suffixes {@code k}, {@code m}, {@code g} (powers of 1024).
 */
public final class JvmBudgets {
    /** Heap for translated guest code of the Java engine, in bytes: default an eighth of the heap. */
    public static final String TRANSLATIONS_PROPERTY = "microvm.budget.translations";
    /** Heap and buffers for unpacking kernels, in bytes: default a quarter of the heap. */
    public static final String UNPACKING_PROPERTY = "microvm.budget.unpacking";
    /** File descriptors of guests' connections: default half of the process's limit. */
    public static final String DESCRIPTORS_PROPERTY = "microvm.budget.descriptors";
    /** Guest memory, in bytes: default no limit. */
    public static final String MEMORY_PROPERTY = "microvm.budget.memory";
    /** Threads of machines: default 4,096. */
    public static final String THREADS_PROPERTY = "microvm.budget.threads";

    private static final long LEAST_TRANSLATIONS = 4L << 20;
    private static final long LEAST_UNPACKING = 64L << 20;
    private static final int DEFAULT_THREADS = 4_096;

    private static final Budget TRANSLATIONS = new Budget(
            "bytes of translated guest code",
            BudgetProperty.read(TRANSLATIONS_PROPERTY, Math.max(LEAST_TRANSLATIONS, heap() / 8)));
    private static final Budget UNPACKING = new Budget(
            "bytes for unpacking kernels",
            BudgetProperty.read(UNPACKING_PROPERTY, Math.max(LEAST_UNPACKING, heap() / 4)));
    private static final Budget DESCRIPTORS = new Budget(
            "file descriptors of guests' connections",
            BudgetProperty.read(DESCRIPTORS_PROPERTY, Math.max(1, DescriptorLimit.ofThisProcess() / 2)));
    private static final Budget MEMORY =
            new Budget("bytes of guest memory", BudgetProperty.read(MEMORY_PROPERTY, Long.MAX_VALUE));
    private static final Budget THREADS =
            new Budget("threads of machines", BudgetProperty.read(THREADS_PROPERTY, DEFAULT_THREADS));

    private JvmBudgets() {}

    /** Returns the budget of heap for translated guest code, in bytes. */
    public static Budget translations() {
        return TRANSLATIONS;
    }

    /** Returns the budget for unpacking kernels, in bytes. */
    public static Budget unpacking() {
        return UNPACKING;
    }

    /** Returns the budget of file descriptors for guests' connections. */
    public static Budget descriptors() {
        return DESCRIPTORS;
    }

    /** Returns the budget of guest memory, in bytes. */
    public static Budget memory() {
        return MEMORY;
    }

    /** Returns the budget of threads. */
    public static Budget threads() {
        return THREADS;
    }

    /** Returns all budgets. */
    public static List<Budget> all() {
        return List.of(TRANSLATIONS, UNPACKING, DESCRIPTORS, MEMORY, THREADS);
    }

    private static long heap() {
        return Runtime.getRuntime().maxMemory();
    }
}
