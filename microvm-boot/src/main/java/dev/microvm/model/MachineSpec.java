package dev.microvm.model;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A machine as data. {@code MicroVmBuilder} fills it, {@code MicroVm.builder(spec)} starts from it, {@code
 * MicroVm.spec()} gives it back. Immutable, compared by value; it opens nothing.
 *
 * <p>What a user gives as code (devices, streams, sources of time and randomness) is not part of it: the
 * description keeps its place and its name, and a machine that is built from the description needs the code
 * again.
 *
 * @param name of the machine: 1 to 40 letters, digits, {@code . _ -}; null for vm-N
 * @param hypervisor what runs the vCPUs; null for what the system property {@code microvm.hypervisor} says
 * @param boot what the guest starts with
 * @param cpus the CPUs that it sees
 * @param memory its RAM
 * @param options which parts the machine has
 * @param clock the guest's time
 * @param console where its console leads
 * @param devices that are added to the machine
 */
public record MachineSpec(
        @Nullable String name,
        @Nullable HypervisorChoice hypervisor,
        BootSpec boot,
        CpuSpec cpus,
        MemorySpec memory,
        OptionsSpec options,
        ClockSpec clock,
        ConsoleSpec console,
        DevicesSpec devices) {
    /** What a builder begins with. */
    public static final MachineSpec DEFAULT = new MachineSpec(
            null,
            null,
            BootSpec.DEFAULT,
            CpuSpec.DEFAULT,
            MemorySpec.DEFAULT,
            OptionsSpec.DEFAULT,
            ClockSpec.DEFAULT,
            new ConsoleSpec.Buffer(),
            DevicesSpec.NONE);

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,40}");

    /**
     * All problems that can be told without a hypervisor and without opening a file of the guest's start; each
     * names the option, the value and the remedy. Empty if there are none. Building a machine also checks the
     * rest: what the hypervisor offers, and what kernel, initrd and firmware hold.
     */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (name != null && !NAME.matcher(name).matches()) {
            problems.add("name: 1 to 40 letters, digits, '.', '_' or '-', was \"" + name + "\"");
        }
        problems.addAll(boot.problems());
        problems.addAll(cpus.problems());
        problems.addAll(memory.problems());
        problems.addAll(clock.problems());
        console.problem().ifPresent(problem -> problems.add("serial: " + problem));
        boolean consoleExists = options.isaSerial() != Feature.OFF || devices.hasConsole();
        if (!consoleExists && !console.equals(new ConsoleSpec.Buffer())) {
            problems.add("serial: %s needs isaSerial(ON) or virtioConsole()".formatted(console));
        }
        if (!clock.isHosts()) checkWithoutHostsClock(problems);
        problems.addAll(devices.problems(memory, clock));
        return problems;
    }

    private void checkWithoutHostsClock(List<String> problems) {
        String option = "clock: " + clock.clock();
        if (cpus.vcpus() > 1) {
            problems.add(option + " is for 1 vCPU, was %d: leave vcpus at 1".formatted(cpus.vcpus()));
        }
        if (console.hasInput()) {
            problems.add(option
                    + ": serial %s would type at times of the host's: use serial(OutputStream) and typeAt"
                            .formatted(console));
        }
    }

    /** The same with another name. */
    public MachineSpec withName(String value) {
        return new MachineSpec(value, hypervisor, boot, cpus, memory, options, clock, console, devices);
    }

    /** The same on another hypervisor. */
    public MachineSpec withHypervisor(HypervisorChoice value) {
        return new MachineSpec(name, value, boot, cpus, memory, options, clock, console, devices);
    }

    /** The same with another start. */
    public MachineSpec withBoot(BootSpec value) {
        return new MachineSpec(name, hypervisor, value, cpus, memory, options, clock, console, devices);
    }

    /** The same with other CPUs. */
    public MachineSpec withCpus(CpuSpec value) {
        return new MachineSpec(name, hypervisor, boot, value, memory, options, clock, console, devices);
    }

    /** The same with other RAM. */
    public MachineSpec withMemory(MemorySpec value) {
        return new MachineSpec(name, hypervisor, boot, cpus, value, options, clock, console, devices);
    }

    /** The same with other parts. */
    public MachineSpec withOptions(OptionsSpec value) {
        return new MachineSpec(name, hypervisor, boot, cpus, memory, value, clock, console, devices);
    }

    /** The same with another clock. */
    public MachineSpec withClock(ClockSpec value) {
        return new MachineSpec(name, hypervisor, boot, cpus, memory, options, value, console, devices);
    }

    /** The same with a console that leads elsewhere. */
    public MachineSpec withConsole(ConsoleSpec value) {
        return new MachineSpec(name, hypervisor, boot, cpus, memory, options, clock, value, devices);
    }

    /** The same with other devices. */
    public MachineSpec withDevices(DevicesSpec value) {
        return new MachineSpec(name, hypervisor, boot, cpus, memory, options, clock, console, value);
    }
}
