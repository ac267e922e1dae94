package dev.microvm.cli.qemu;

import dev.microvm.model.ExitReport;

/** Exit codes of the program, as QEMU's. */
final class ExitCodes {
    static final int FAILURE = 1;

    private ExitCodes() {}

    /** Returns 0 for an ordinary end; a code of the exit port as hw/misc/debugexit.c does. */
    static int of(ExitReport report) {
        return switch (report.reason()) {
            case EXIT_PORT -> (report.exitCode().orElse(0) << 1) | 1;
            case GUEST_ERROR, FAILED -> FAILURE;
            case RESET, POWER_OFF, TRIPLE_FAULT, PANIC, HALTED, STOPPED -> 0;
        };
    }
}
