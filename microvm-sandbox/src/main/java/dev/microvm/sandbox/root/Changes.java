package dev.microvm.sandbox.root;

/** What becomes of a guest's changes to its root. */
public enum Changes {
    /** They are refused: the root is read-only. */
    REFUSED,
    /** They are kept in memory and gone with the machine. */
    IN_MEMORY,
    /** They are kept in a file, and there again with the next machine that uses it. */
    IN_FILE
}
