package dev.microvm.cli.firecracker.vm;

/** Parts of the configuration, with the begin of their errors: by the API, and in a file. */
enum Section {
    BALLOON("Balloon config error", "Balloon device error"),
    BOOT_SOURCE("Boot source error", "Boot source error"),
    CPU("Configure CPU error", "File operation error"),
    DRIVE("Drive config error", "Block device error"),
    ENTROPY("Entropy config error", "Entropy device error"),
    LOGGER("Logger error", "Logger error"),
    MACHINE("Machine config error", "VM config error"),
    METRICS("Metrics error", "Metrics error"),
    MMDS("MMMDS config error", "MMDS config error"), // sic
    NETWORK("Network config error", "Network device error"),
    SERIAL("Serial config error", "Serial config error"),
    VSOCK("Vsock config error", "Vsock device error");

    private final String api;
    private final String file;

    Section(String api, String file) {
        this.api = api;
        this.file = file;
    }

    /** Returns the whole error of a refusal. */
    String error(boolean inFile, Refusal refusal) {
        return (inFile ? file : api) + ": " + refusal.text();
    }
}
