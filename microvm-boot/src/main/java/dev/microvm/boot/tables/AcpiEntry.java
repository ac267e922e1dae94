package dev.microvm.boot.tables;

/** A fact about one part of a machine for the ACPI tables; a part may have several. */
public sealed interface AcpiEntry
        permits AcpiDevice,
                AcpiConfig.IoApic,
                AcpiConfig.LegacyPart,
                AcpiConfig.GenericEvents,
                AcpiConfig.GenerationId,
                AcpiConfig.ResetRegister,
                AcpiConfig.SleepRegisters {}
