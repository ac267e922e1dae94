package dev.microvm.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A machine as data. {@code MicroVmBuilder} fills it, {@code MicroVm.builder(spec)} starts from it,
 * {@code MicroVm.spec()} returns it. Immutable, compared by value; opens nothing.
 *
 * <p>A user's code (devices, streams, sources of time and randomness) is not part of it. The
 * description holds the place and the name of such code. Building a machine from the description
 * needs the code again.
 *
 * @param name of the machine: 1 to 40 letters, digits, {@code . _ -}; null for vm-N
 * @param hypervisor what runs the vCPUs; null for the system property {@code microvm.hypervisor}
 * @param boot kernel or firmware, and what is passed to it
 * @param cpus the CPUs that the guest sees
 * @param memory the guest's RAM
 * @param options which parts the machine has
 * @param clock the guest's time
 * @param console the host's target of the guest's console
 * @param devices the devices that are added to the machine
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

    /** Refuses null. */
    public MachineSpec {
        Objects.requireNonNull(boot, "boot");
        Objects.requireNonNull(cpus, "cpus");
        Objects.requireNonNull(memory, "memory");
        Objects.requireNonNull(options, "options");
        Objects.requireNonNull(clock, "clock");
        Objects.requireNonNull(console, "console");
        Objects.requireNonNull(devices, "devices");
    }

    /**
     * Returns all problems that can be found without a hypervisor and without opening the files
     * that the guest starts with; empty if there are none. Each names the option, its value and the
     * remedy. {@code MicroVmBuilder.problems()} also reports what the hypervisor does not offer, and
     * what is wrong with the contents of kernel, initrd and firmware.
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
        problems.addAll(options.restartLimit().problems());
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
                    + ": serial %s would type at times of the host's clock: use serial(OutputStream) and typeAt"
                            .formatted(console));
        }
    }

    /** The same with another name. */
    public MachineSpec withName(String value) {
        Objects.requireNonNull(value, "name");
        return new MachineSpec(value, hypervisor, boot, cpus, memory, options, clock, console, devices);
    }

    /** The same on another hypervisor. */
    public MachineSpec withHypervisor(HypervisorChoice value) {
        Objects.requireNonNull(value, "hypervisor");
        return new MachineSpec(name, value, boot, cpus, memory, options, clock, console, devices);
    }

    /** The same with another kernel, firmware or what is passed to it. */
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

    /** The same with another target of the console. */
    public MachineSpec withConsole(ConsoleSpec value) {
        return new MachineSpec(name, hypervisor, boot, cpus, memory, options, clock, value, devices);
    }

    /** The same with other devices. */
    public MachineSpec withDevices(DevicesSpec value) {
        return new MachineSpec(name, hypervisor, boot, cpus, memory, options, clock, console, value);
    }
}
