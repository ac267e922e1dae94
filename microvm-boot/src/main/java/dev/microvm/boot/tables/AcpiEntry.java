package dev.microvm.boot.tables;

/** What the ACPI tables say of one part of a machine; a part may have several. */
public sealed interface AcpiEntry
        permits AcpiDevice,
                AcpiConfig.IoApic,
                AcpiConfig.LegacyPart,
                AcpiConfig.GenericEvents,
                AcpiConfig.ResetRegister,
                AcpiConfig.SleepRegisters {}
