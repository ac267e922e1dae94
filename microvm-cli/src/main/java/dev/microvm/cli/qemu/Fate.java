package dev.microvm.cli.qemu;

/** What happens to a flag or property of QEMU. */
enum Fate {
    /** It becomes something of the machine. */
    MAPPED,
    /** It is accepted and changes nothing. */
    IGNORED,
    /** It is an error, which says what to use instead. */
    REFUSED
}
