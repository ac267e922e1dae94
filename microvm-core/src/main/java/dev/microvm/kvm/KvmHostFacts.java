package dev.microvm.kvm;

import dev.microvm.kvm.KvmHost.Group;
import dev.microvm.kvm.KvmHost.Processor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads a {@link KvmHost} from the files of Linux. What cannot be read counts as absent. */
final class KvmHostFacts {
    /** Of proc(5), /proc/cpuinfo on x86. */
    private static final Pattern FLAGS = Pattern.compile("^flags\\s*:(.*)$", Pattern.MULTILINE);

    private static final Pattern VENDOR = Pattern.compile("^vendor_id\\s*:\\s*(\\S+)", Pattern.MULTILINE);

    /** Of proc_pid_status(5): the group of the process, then its supplementary groups. */
    private static final Pattern GROUPS = Pattern.compile("^(?:Gid|Groups):(.*)$", Pattern.MULTILINE);

    private static final Pattern CONTAINER_CGROUP = Pattern.compile("docker|kubepods|containerd|libpod|lxc");

    private static final int GROUP_READ_WRITE = 0060; // S_IRGRP | S_IWGRP: inode(7)

    private final Path root;
    private final Map<String, String> environment;

    /**
     * Makes a reader.
     *
     * @param root the root of the file system
     * @param environment the environment of this process
     */
    KvmHostFacts(Path root, Map<String, String> environment) {
        this.root = root;
        this.environment = environment;
    }

    /** Returns the facts of this host. */
    static KvmHost ofThisHost(String device) {
        return new KvmHostFacts(Path.of("/"), System.getenv()).read(device, System.getProperty("user.name"));
    }

    /** Reads all facts. */
    KvmHost read(String device, String user) {
        return new KvmHost(device, processor(), modules(), container(), user, group(Path.of(device), user));
    }

    private Processor processor() {
        String info = text("proc/cpuinfo");
        Matcher flags = FLAGS.matcher(info);
        List<String> shown = flags.find() ? Arrays.asList(flags.group(1).strip().split("\\s+")) : List.of();
        Matcher vendor = VENDOR.matcher(info);
        String module = !vendor.find()
                ? null
                : switch (vendor.group(1)) {
                    case "GenuineIntel" -> KvmHost.INTEL;
                    case "AuthenticAMD", "HygonGenuine" -> KvmHost.AMD;
                    default -> null;
                };
        boolean virtualization = shown.isEmpty() // nothing speaks against it
                || shown.contains("vmx")
                || shown.contains("svm");
        return new Processor(module, virtualization, shown.contains("hypervisor"));
    }

    private Set<String> modules() {
        Set<String> loaded = new TreeSet<>();
        for (String module : List.of(KvmHost.INTEL, KvmHost.AMD, KvmHost.PVM)) {
            if (Files.exists(root.resolve("sys/module").resolve(module))) loaded.add(module);
        }
        return loaded;
    }

    /** Docker and Podman leave a file, Podman and systemd set a variable, Kubernetes another. */
    private boolean container() {
        return Files.exists(root.resolve(".dockerenv"))
                || Files.exists(root.resolve("run/.containerenv"))
                || environment.containsKey("container")
                || environment.containsKey("KUBERNETES_SERVICE_HOST")
                || CONTAINER_CGROUP.matcher(text("proc/1/cgroup")).find();
    }

    private @Nullable Group group(Path device, String user) {
        int id;
        int mode;
        try {
            id = (int) Files.getAttribute(device, "unix:gid");
            mode = (int) Files.getAttribute(device, "unix:mode");
        } catch (IOException | UnsupportedOperationException e) {
            return null;
        }
        String name = String.valueOf(id);
        boolean ofUser = false;
        for (String line : text("etc/group").lines().toList()) {
            String[] fields = line.split(":", -1); // group(5): name, password, number, members
            if (fields.length == 4 && fields[2].equals(String.valueOf(id))) {
                name = fields[0];
                ofUser = Arrays.asList(fields[3].split(",")).contains(user);
            }
        }
        boolean mayWrite = (mode & GROUP_READ_WRITE) == GROUP_READ_WRITE;
        return new Group(name, id, mayWrite, processGroups().contains(String.valueOf(id)), ofUser);
    }

    private Set<String> processGroups() {
        Set<String> groups = new TreeSet<>();
        Matcher lines = GROUPS.matcher(text("proc/self/status"));
        while (lines.find()) groups.addAll(Arrays.asList(lines.group(1).strip().split("\\s+")));
        return groups;
    }

    private String text(String file) {
        try {
            return Files.readString(root.resolve(file));
        } catch (IOException e) {
            return "";
        }
    }
}
