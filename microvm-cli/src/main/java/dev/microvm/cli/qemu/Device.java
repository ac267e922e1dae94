package dev.microvm.cli.qemu;

/** What a {@code -device} says, until all that it names is known. */
interface Device {
    /** Adds it to the machine; throws {@link OptionException} if what it names is not there. */
    void addTo(Invocation command);
}
