package dev.microvm.cli.qemu;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.model.Feature;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A command line as its flags are read, one after another: the machine so far, and the parts that
 * name each other, which {@link Assembly} connects. For one thread.
 */
final class Invocation {
    /** A monitor and the character device that it talks on. */
    record MonitorWish(String chardev, boolean qmp, boolean pretty) {}

    /** A console or port of the guest, and the character device that it leads to. */
    record Connection(String port, String chardev) {}

    /** A device, and the argument that it was given by. */
    record GivenDevice(Device device, String text) {}

    /** The name of the connection of the serial port. */
    static final String SERIAL = "serial";

    private final Problems problems = new Problems();
    private final StringBuilder help = new StringBuilder();
    private int unnamed;

    final MicroVmBuilder vm = MicroVm.builder();
    final MachineWish machine = new MachineWish();
    final CpuWish cpu = new CpuWish();
    final FirmwareWish firmware = new FirmwareWish();
    final Map<String, Drive> drives = new LinkedHashMap<>();
    final Map<String, BlockNode> nodes = new LinkedHashMap<>();
    final Map<String, ThrottleGroup> throttleGroups = new LinkedHashMap<>();
    final Map<String, Netdev> netdevs = new LinkedHashMap<>();
    final Map<String, Chardev> chardevs = new LinkedHashMap<>();
    final Map<String, MemoryBackend> memoryBackends = new LinkedHashMap<>();
    final List<String> rngs = new ArrayList<>();
    final List<GivenDevice> devices = new ArrayList<>();
    final List<String> serials = new ArrayList<>();
    final List<MonitorWish> monitors = new ArrayList<>();
    final List<Connection> connections = new ArrayList<>();

    @Nullable
    Path kernel;

    final List<String> disks = new ArrayList<>();
    final List<String> networks = new ArrayList<>();
    List<String> portNames = List.of();
    String debugConsole = "";
    boolean hasCmdline;
    boolean hasConsoleBus;
    boolean hasVirtconsole;
    boolean hasBalloon;
    boolean isaSerial = true;
    boolean defaults = true;
    boolean nographic;
    boolean displayNone;
    boolean snapshot;
    boolean startPaused;
    boolean daemonize;
    boolean resetEnds;
    boolean staysAfterShutdown;
    String name = "";
    String uuid = "00000000-0000-0000-0000-000000000000";
    String memoryBackend = "";

    @Nullable
    Path pidFile;

    /** Reads the arguments; what is wrong becomes {@link #problems}. */
    static Invocation parse(List<String> arguments) {
        Invocation command = new Invocation();
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            if (!argument.startsWith("-") || argument.equals("-")) {
                command.problems.add(
                        argument,
                        "a disk image alone is an IDE disk, which is not here; use "
                                + "-drive if=none,id=d,format=raw,file=" + argument
                                + " -device virtio-blk-device,drive=d");
                continue;
            }
            Flag flag = Flags.named(argument);
            if (flag == null) {
                command.problems.add(argument, "there is no such flag; -h shows those that there are");
                continue;
            }
            if (flag.hasArgument() && ++i == arguments.size()) {
                command.problems.add(argument, "requires an argument: " + flag.argument());
                break;
            }
            String value = flag.hasArgument() ? arguments.get(i) : "";
            command.problems.guard(
                    (argument + " " + value).strip(), () -> flag.use().accept(command, value));
        }
        return command;
    }

    Problems problems() {
        return problems;
    }

    /** Prints a text instead of starting anything. */
    void help(String text) {
        help.append(text);
    }

    /** Returns what is to be printed instead of starting anything; empty if nothing is. */
    String help() {
        return help.toString();
    }

    /** Keeps something under its name, which must be new. */
    <T> void keep(Map<String, T> all, String id, String what, T value) {
        if (id.isEmpty()) throw new OptionException(what + " needs an id: add id=NAME");
        if (all.putIfAbsent(id, value) != null) {
            throw new OptionException("there is already a " + what + " with id " + id + ": give it another");
        }
    }

    /** Names the kernel. */
    void kernel(String file) {
        kernel = Path.of(file);
        vm.kernel(kernel);
    }

    /**
     * Names the initrd or, for a Multiboot kernel, the modules: QEMU's list of files with command
     * lines, separated by commas.
     */
    void initrd(String files) {
        if (Files.exists(Path.of(files)) || !(files.contains(",") || files.contains(" "))) {
            vm.initrd(Path.of(files));
            return;
        }
        for (String each : files.split(",", -1)) {
            int space = each.indexOf(' ');
            vm.module(Path.of(space < 0 ? each : each.substring(0, space)), space < 0 ? "" : each.substring(space + 1));
        }
    }

    /** Adds or leaves out the serial port. */
    void isaSerial(boolean on) {
        isaSerial = on;
        vm.isaSerial(on ? Feature.ON : Feature.OFF);
    }

    /** Leads a console or port to a character device. */
    void connect(String port, String chardev) {
        connections.add(new Connection(port, requireChardev(chardev)));
    }

    /** Returns the id of a character device that is there. */
    String requireChardev(String id) {
        if (id.isEmpty()) throw new OptionException("needs a chardev; add chardev=ID, and -chardev stdio,id=ID");
        if (!chardevs.containsKey(id))
            throw new OptionException("there is no chardev " + id + "; give it by -chardev ...,id=" + id);
        return id;
    }

    /** Makes a name for something that has none, which no user can give. */
    String newId(String kind) {
        return "#" + kind + unnamed++;
    }
}
