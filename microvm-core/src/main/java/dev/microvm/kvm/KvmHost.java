package dev.microvm.kvm;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Facts of a host that explain why its KVM cannot be used, and the words for each situation.
 *
 * @param device the path of KVM's device file
 * @param processor what {@code /proc/cpuinfo} shows
 * @param modules the loaded ones of kvm_intel, kvm_amd and kvm_pvm
 * @param container whether this process is in a container
 * @param user the name of the user
 * @param group the group of the device file; null if there is no such file
 */
record KvmHost(
        String device,
        Processor processor,
        Set<String> modules,
        boolean container,
        String user,
        @Nullable Group group) {
    static final String INTEL = "kvm_intel";
    static final String AMD = "kvm_amd";
    static final String PVM = "kvm_pvm";

    /**
     * The host's processor.
     *
     * @param module the module of KVM for it; null if its vendor is unknown
     * @param virtualization whether it shows VMX or SVM
     * @param virtual whether it belongs to a virtual machine
     */
    record Processor(@Nullable String module, boolean virtualization, boolean virtual) {
        /** Returns the module to load. */
        String modules() {
            return module == null ? INTEL + " or " + AMD : module;
        }
    }

    /**
     * The group that owns a file.
     *
     * @param name its name, or its number if it has none
     * @param id its number
     * @param mayWrite whether the file's mode lets the group read and write
     * @param ofProcess whether this process has the group
     * @param ofUser whether the group lists the user, who may have logged in before that
     */
    record Group(String name, int id, boolean mayWrite, boolean ofProcess, boolean ofUser) {}

    /** Says why the device file does not exist, and what to do. */
    String absent() {
        if (container) {
            return device + " does not exist in this container: start the container with --device " + device
                    + (modules.isEmpty() ? "; if the host has none either, " + load() + " there" : "");
        }
        if (!modules.isEmpty()) {
            return "%s does not exist, although the module %s is loaded: let udev make it (udevadm trigger --name-match=kvm)"
                    .formatted(device, String.join(" and ", modules));
        }
        if (processor.virtualization()) {
            return device + " does not exist: " + load()
                    + "; if that fails, enable virtualization in the host's firmware";
        }
        return device + " does not exist, and " + noVirtualization();
    }

    /** Says that the processor lacks what KVM needs, and how to get it. */
    String noVirtualization() {
        return "the processor shows neither VMX nor SVM: "
                + (processor.virtual()
                        ? "this host is a virtual machine: enable nested virtualization for it where it runs"
                        : "enable virtualization in the host's firmware (VT-x or SVM in the BIOS)");
    }

    /** Says why the device file may not be opened, and what to do. */
    String forbidden() {
        return "no permission to open %s for reading and writing: %s".formatted(device, permission());
    }

    private String permission() {
        if (container) {
            String withDevice = "start the container with --device " + device;
            return group != null && group.mayWrite() && !group.ofProcess()
                    ? withDevice + " --group-add " + group.id()
                    : withDevice + " and as a user who may open it";
        }
        if (group == null || !group.mayWrite()) {
            return "only its owner may: give it to a group of the user %s (chgrp kvm %s; chmod 660 %s)"
                    .formatted(user, device, device);
        }
        if (group.ofProcess()) {
            return "this process is in its group %s, so something else denies it: a device cgroup, SELinux or AppArmor"
                    .formatted(group.name());
        }
        if (group.ofUser()) {
            return "the user %s is in its group %s, but this process is not: log in again, or start it by sg %s"
                    .formatted(user, group.name(), group.name());
        }
        return "add the user to its group (usermod -aG %s %s) and log in again".formatted(group.name(), user);
    }

    /** Says that no driver serves the device file. */
    String withoutDriver() {
        return device + " has no driver behind it: " + load();
    }

    /** The command that loads the module. */
    String load() {
        return processor.module() == null
                ? "load the module " + processor.modules()
                : "load the module %s (modprobe %s)".formatted(processor.module(), processor.module());
    }
}
