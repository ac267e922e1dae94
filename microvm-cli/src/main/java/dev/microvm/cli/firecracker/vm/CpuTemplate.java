package dev.microvm.cli.firecracker.vm;

import dev.microvm.MicroVmBuilder;
import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.cpuid.CpuidEntry;
import java.util.List;

/** Applies the CPUID modifiers of a custom CPU template. */
final class CpuTemplate {
    private CpuTemplate() {}

    /** Changes the CPUID of a machine, starting from what it would be. */
    static void apply(Fields template, MicroVmBuilder builder) {
        if (template.list("cpuid_modifiers").isEmpty()) return;
        List<CpuidEntry> now = builder.build().cpuid(0);
        for (Fields leaf : template.list("cpuid_modifiers")) {
            CpuidEntry entry = find(now, number(leaf.text("leaf")), number(leaf.text("subleaf")));
            for (Fields modifier : leaf.list("modifiers")) entry = modified(entry, modifier);
            builder.cpuidLeaf(entry);
        }
    }

    private static CpuidEntry find(List<CpuidEntry> all, int function, int index) {
        return all.stream()
                .filter(each -> each.function() == function && each.index() == index)
                .findFirst()
                .orElseThrow(() ->
                        new Refusal("the hypervisor has no CPUID leaf 0x%x, subleaf 0x%x".formatted(function, index)));
    }

    private static CpuidEntry modified(CpuidEntry entry, Fields modifier) {
        String bitmap = modifier.text("bitmap");
        return switch (modifier.text("register")) {
            case "eax" -> entry.answering(apply(bitmap, entry.eax()), entry.ebx(), entry.ecx(), entry.edx());
            case "ebx" -> entry.answering(entry.eax(), apply(bitmap, entry.ebx()), entry.ecx(), entry.edx());
            case "ecx" -> entry.answering(entry.eax(), entry.ebx(), apply(bitmap, entry.ecx()), entry.edx());
            default -> entry.answering(entry.eax(), entry.ebx(), entry.ecx(), apply(bitmap, entry.edx()));
        };
    }

    /** Sets the bits that a bitmap has as 0 or 1, the lowest last, and keeps those that it has as x. */
    static int apply(String bitmap, int value) {
        String digits = bitmap.replaceFirst("^0b", "").replace("_", "");
        int result = value;
        for (int bit = 0; bit < Math.min(Integer.SIZE, digits.length()); bit++) {
            char digit = digits.charAt(digits.length() - 1 - bit);
            if (digit == '1') result |= 1 << bit;
            else if (digit == '0') result &= ~(1 << bit);
        }
        return result;
    }

    private static int number(String text) {
        if (text.startsWith("0x")) return Integer.parseUnsignedInt(text.substring(2), 16);
        if (text.startsWith("0b")) return Integer.parseUnsignedInt(text.substring(2), 2);
        return Integer.parseUnsignedInt(text);
    }
}
