package dev.microvm.engine.cpu;

/** Exceptions by vector: Intel SDM vol. 3A, table 6-1. */
public final class Vectors {
    public static final int DE = 0; // divide error
    public static final int DB = 1; // debug
    public static final int NMI = 2;
    public static final int BP = 3; // breakpoint
    public static final int OF = 4; // overflow
    public static final int BR = 5; // bound range
    public static final int UD = 6; // undefined opcode
    public static final int NM = 7; // device not available
    public static final int DF = 8; // double fault
    public static final int TS = 10; // invalid TSS
    public static final int NP = 11; // segment not present
    public static final int SS = 12; // stack segment
    public static final int GP = 13; // general protection
    public static final int PF = 14; // page fault
    public static final int MF = 16; // x87 error
    public static final int AC = 17; // alignment check
    public static final int XM = 19; // SIMD error

    private Vectors() {}
}
