package dev.microvm.sandbox;

import dev.microvm.boot.Initramfs;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * An initial file system whose {@code /init} is the agent. It mounts what a Linux system needs,
 * loads the kernel modules that were added, changes to a root on a disk if there is one, and then
 * serves the host.
 *
 * <pre>{@code
 * Initramfs initramfs = AgentInit.builder()
 *         .modules(Path.of("/lib/modules/6.1.0-30-amd64"), "6.1.0-30-amd64",
 *                 List.of("virtio_mmio", "vmw_vsock_virtio_transport", "virtio_blk", "erofs", "overlay"))
 *         .root("/dev/vda", "erofs")
 *         .overlay("256m")
 *         .build();
 * }</pre>
 */
public final class AgentInit {
    private static final String RESOURCE = "agent/agent";

    private final Initramfs.Builder files = Initramfs.builder();
    private final StringBuilder instructions = new StringBuilder();

    private AgentInit() {}

    /** Begins one that stays in the initial file system. */
    public static AgentInit builder() {
        return new AgentInit();
    }

    /** Returns the agent's program, for guests that start it by an init of their own. */
    public static byte[] program() {
        try (InputStream in = AgentInit.class.getResourceAsStream(RESOURCE)) {
            return Objects.requireNonNull(in, RESOURCE).readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the files of the initial file system, to add others. */
    public Initramfs.Builder files() {
        return files;
    }

    /**
     * Adds kernel modules, as {@link Initramfs.Builder#modules} does; the agent loads them and
     * removes their files.
     */
    public AgentInit modules(Path tree, String release, List<String> names) {
        files.modules(tree, release, names);
        return this;
    }

    /**
     * Continues on a disk, which stays unchanged unless {@link #writable} is called.
     *
     * @param device such as {@code /dev/vda}
     * @param type of its file system, such as {@code erofs}
     * @throws IllegalArgumentException if {@code device} is not a path below {@code /dev} or {@code
     *     type} is no word
     */
    public AgentInit root(String device, String type) {
        Objects.requireNonNull(type, "type");
        if (!type.matches("[a-z0-9]+")) throw new IllegalArgumentException("type '%s': must be a word".formatted(type));
        return line("root " + device(device) + " " + type);
    }

    private static String device(String path) {
        if (Objects.requireNonNull(path, "device").matches("/dev/[A-Za-z0-9/_.-]+")) return path;
        throw new IllegalArgumentException("device '%s': must be a path such as /dev/vda".formatted(path));
    }

    /** Mounts the disk itself writable. */
    public AgentInit writable() {
        return line("writable");
    }

    /**
     * Keeps what is written in memory, over the disk.
     *
     * @param size as {@code tmpfs(5)} has it, such as {@code 256m} or {@code 50%}
     * @throws IllegalArgumentException if it is no size
     */
    public AgentInit overlay(String size) {
        if (!Objects.requireNonNull(size, "size").matches("[0-9]{1,18}[kmg%]?")) {
            throw new IllegalArgumentException("size '%s': must be such as 256m or 50%%".formatted(size));
        }
        return line("overlay " + size);
    }

    /**
     * Keeps what is written on a second disk with a file system of ext4, over the first one.
     *
     * @param device such as {@code /dev/vdb}
     * @throws IllegalArgumentException if it is not a path below {@code /dev}
     */
    public AgentInit changes(String device) {
        return line("changes " + device(device));
    }

    /**
     * Sets the guest's name.
     *
     * @throws IllegalArgumentException if it is not 1 to 64 letters, digits, dots and hyphens
     */
    public AgentInit hostname(String name) {
        if (!Objects.requireNonNull(name, "name").matches("[A-Za-z0-9.-]{1,64}")) {
            throw new IllegalArgumentException("hostname '%s': must be letters, digits, dots, hyphens".formatted(name));
        }
        return line("hostname " + name);
    }

    /**
     * Starts a program beside the agent, without arguments, when the root is there.
     *
     * @throws IllegalArgumentException if it is no absolute path
     */
    public AgentInit program(String path) {
        if (!Objects.requireNonNull(path, "path").matches("/[^\\s]+"))
            throw new IllegalArgumentException("program '%s': no path".formatted(path));
        return line("init " + path);
    }

    /**
     * Waits for the port of the virtio console that the host uses where there is no socket device:
     * {@code virtioConsole(Agent.CONSOLE_PORT)}. A distribution's kernel needs the module {@code
     * virtio_console}.
     */
    public AgentInit console() {
        return line("console");
    }

    private AgentInit line(String text) {
        instructions.append(text).append('\n');
        return this;
    }

    /** Makes the initial file system. */
    public Initramfs build() {
        StringBuilder conf = new StringBuilder();
        files.moduleLoadOrder()
                .forEach(path -> conf.append("module ").append(path).append('\n'));
        return files.file("/init", program(), 0755)
                .directory("/proc", 0755)
                .directory("/sys", 0755)
                .directory("/dev", 0755)
                .characterDevice("/dev/console", 5, 1, 0600)
                .file("/agent.conf", conf.append(instructions).toString(), 0600)
                .build();
    }
}
