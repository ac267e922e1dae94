package dev.microvm.cli.attach;

import dev.microvm.sandbox.Command;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A command as a user asked for it; can be sent to another process.
 *
 * @param words the program and its arguments
 * @param environment variables
 * @param directory empty for the root's
 * @param user empty for the root's
 * @param timeout zero for none
 * @param columns of its terminal; 0 if it has none
 * @param rows of its terminal; 0 if it has none
 */
public record CommandRequest(
        List<String> words,
        Map<String, String> environment,
        String directory,
        String user,
        Duration timeout,
        int columns,
        int rows) {
    private static final int MOST_WORDS = 1 << 16;

    /** Copies list and map. */
    public CommandRequest {
        words = List.copyOf(words);
        environment = new LinkedHashMap<>(environment);
    }

    /** Returns the command for a guest of this process. */
    public Command command() {
        Command command = Command.of(
                        words.getFirst(), words.subList(1, words.size()).toArray(String[]::new))
                .environment(environment);
        if (!directory.isEmpty()) command = command.directory(directory);
        if (!user.isEmpty()) command = command.user(user);
        if (!timeout.isZero()) command = command.timeout(timeout);
        return columns == 0 ? command : command.terminal(columns, rows);
    }

    /** Writes it, for {@link #read}. */
    public void write(DataOutput to) throws IOException {
        to.writeInt(words.size());
        for (String each : words) to.writeUTF(each);
        to.writeInt(environment.size());
        for (Map.Entry<String, String> each : environment.entrySet()) {
            to.writeUTF(each.getKey());
            to.writeUTF(each.getValue());
        }
        to.writeUTF(directory);
        to.writeUTF(user);
        to.writeLong(timeout.toMillis());
        to.writeInt(columns);
        to.writeInt(rows);
    }

    /** Reads what {@link #write} wrote. */
    public static CommandRequest read(DataInput from) throws IOException {
        List<String> words = new ArrayList<>();
        for (int i = count(from); i > 0; i--) words.add(from.readUTF());
        Map<String, String> environment = new LinkedHashMap<>();
        for (int i = count(from); i > 0; i--) environment.put(from.readUTF(), from.readUTF());
        return new CommandRequest(
                words,
                environment,
                from.readUTF(),
                from.readUTF(),
                Duration.ofMillis(from.readLong()),
                from.readInt(),
                from.readInt());
    }

    private static int count(DataInput from) throws IOException {
        int count = from.readInt();
        if (count < 0 || count > MOST_WORDS) throw new IOException("a request with " + count + " words");
        return count;
    }
}
