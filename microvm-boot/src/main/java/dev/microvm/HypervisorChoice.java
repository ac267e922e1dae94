package dev.microvm;

/** What runs the vCPUs of a {@link MicroVm}. */
public enum HypervisorChoice {
    /** KVM where it can run an ordinary kernel; else the Java engine if it is installed. */
    AUTO,
    /** KVM, even where it runs small guests only. */
    KVM,
    /** The CPU written in Java, of module {@code microvm-engine}. */
    ENGINE
}
