package dev.microvm.cli.qemu;

import dev.microvm.cpuid.CpuFeature;
import dev.microvm.model.Feature;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What {@code -cpu} says: a model, and features that are shown or hidden. */
final class CpuWish {
    /** What it becomes, for the table. */
    static final String HERE = "host, max, and QEMU's qemu64, kvm64 and base: the CPU of the hypervisor. `+f`, `f=on`:"
            + " `cpuFeature(\"f\", ON)`; `-f`, `f=off`: `cpuFeature(\"f\", OFF)`, by the names of QEMU or of `/proc/cpuinfo`."
            + " Other models are refused, and so are properties that are not features";

    private static final List<String> MODELS = List.of("host", "max", "qemu64", "kvm64", "base");

    /** Names of QEMU (target/i386/cpu.c) whose feature Linux calls otherwise. */
    private static final Map<String, String> LINUX_NAMES = Map.ofEntries(
            Map.entry("sse3", "pni"),
            Map.entry("tsc_deadline", "tsc_deadline_timer"),
            Map.entry("cmpxchg8b", "cx8"),
            Map.entry("cmpxchg16b", "cx16"),
            Map.entry("sha", "sha_ni"),
            Map.entry("i64", "lm"),
            Map.entry("xd", "nx"));

    private static final List<String> CHANGES_NOTHING = List.of(
            "migratable", "check", "enforce", "host_phys_bits", "phys_bits", "pmu", "l3_cache", "host_cache_info");

    /** Features of QEMU that no guest here is shown: hiding them changes nothing. */
    private static final List<String> NEVER_SHOWN = List.of(
            "sgx",
            "sgx1",
            "sgx2",
            "sgxlc",
            "vmx",
            "svm",
            "mpx",
            "hle",
            "rtm",
            "kvm",
            "kvmclock",
            "kvm_pv_eoi",
            "kvm_steal_time",
            "kvm_asyncpf",
            "kvm_mmu",
            "hypervisor",
            "intel_pt",
            "monitor",
            "pmm",
            "acpi",
            "ds");

    /** Applies the flag's argument. */
    void apply(String text, Invocation command) {
        if (text.equals("help") || text.equals("?")) {
            command.help("Available CPUs:\n  host, max\nRecognized CPUID flags:\n");
            CpuFeature.all().forEach(each -> command.help("  " + each.name() + "\n"));
            return;
        }
        List<String> parts = List.of(text.split(",", -1));
        String model = parts.getFirst();
        if (!MODELS.contains(model)) {
            throw new OptionException(
                    "there is no model " + model + "; use -cpu host, and hide features by -cpu host,FEATURE=off");
        }
        for (String part : parts.subList(1, parts.size())) {
            command.problems().guard("-cpu " + model + "," + part, () -> feature(part, command));
        }
    }

    private static void feature(String part, Invocation command) {
        boolean signed = part.startsWith("+") || part.startsWith("-");
        int equals = part.indexOf('=');
        String written = signed ? part.substring(1) : equals < 0 ? part : part.substring(0, equals);
        String name = written.replace('-', '_').replace('.', '_').toLowerCase(Locale.ROOT);
        if (CHANGES_NOTHING.contains(name)) return;
        String linux = LINUX_NAMES.getOrDefault(name, name);
        boolean on = signed ? part.startsWith("+") : equals < 0 || Values.isOn(part.substring(equals + 1));
        if (CpuFeature.named(linux).isEmpty()) {
            if (!on && NEVER_SHOWN.contains(name)) return;
            throw new OptionException("there is no CPU feature " + written + "; -cpu help shows those that there are");
        }
        command.vm.cpuFeature(linux, on ? Feature.ON : Feature.OFF);
    }
}
