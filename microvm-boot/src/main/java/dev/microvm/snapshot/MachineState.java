package dev.microvm.snapshot;

import dev.microvm.model.MachineSpec;
import dev.microvm.state.DeviceState;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.SequencedMap;

/**
 * A machine at one moment, without its RAM: another machine with that RAM continues from it.
 *
 * @param spec the machine as data, from that moment on: its clock begins there, and what was typed
 *     before is not typed again. It has no initial file system and no modules, which are in the RAM
 * @param hypervisor the name of the hypervisor that ran it
 * @param takenAt when it was saved, by the host's clock
 * @param clockNanos what the paravirtual clock said; empty if the hypervisor has none
 * @param vcpus its vCPUs, by number
 * @param devices states of its devices, by the names of their parts
 */
public record MachineState(
        MachineSpec spec,
        String hypervisor,
        Instant takenAt,
        OptionalLong clockNanos,
        List<SavedVcpu> vcpus,
        SequencedMap<String, DeviceState> devices) {
    /** Copies the collections; the map keeps its order. */
    public MachineState {
        vcpus = List.copyOf(vcpus);
        devices = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(devices));
    }
}
