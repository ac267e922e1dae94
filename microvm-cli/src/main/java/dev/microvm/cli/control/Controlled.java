package dev.microvm.cli.control;

import dev.microvm.cli.attach.Attached;
import dev.microvm.cli.attach.CommandRequest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;

/** A machine of this process, as other processes of the user may use it. Any thread may call. */
public interface Controlled {
    /** Says what it is. */
    MachineInfo info();

    /** Describes the machine in words. */
    String describe();

    /** Starts a command. */
    Attached start(CommandRequest request);

    /** Copies a file or folder of the host into the guest, as docker(1) does: see {@code microvm cp}. */
    void copyIn(Path from, String to) throws IOException;

    /** Copies a file or folder of the guest to the host. */
    void copyOut(String from, Path to) throws IOException;

    /**
     * Opens what was printed and is still kept.
     *
     * @param console that on the console; otherwise by the command
     * @param follow whether the stream continues to the end of the machine
     */
    InputStream logs(boolean console, boolean follow);

    /** Asks it to end, and ends it if it does not within {@code grace}. */
    void stop(Duration grace);
}
