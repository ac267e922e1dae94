package dev.microvm.machine;

import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.model.ExitTrace;
import dev.microvm.model.ExitTrace.Access;

/** The devices of a vCPU, with a listener beside them. */
final class TracedExits implements ExitHandler {
    private final int vcpu;
    private final ExitHandler devices;
    private final ExitTrace trace;

    TracedExits(int vcpu, ExitHandler devices, ExitTrace trace) {
        this.vcpu = vcpu;
        this.devices = devices;
        this.trace = trace;
    }

    @Override
    public long portIn(int port, int size) {
        long value = devices.portIn(port, size);
        trace.exit(vcpu, Access.PORT_READ, port, size, value);
        return value;
    }

    @Override
    public void portOut(int port, int size, long value) {
        devices.portOut(port, size, value);
        trace.exit(vcpu, Access.PORT_WRITE, port, size, value);
    }

    @Override
    public long mmioRead(long gpa, int size) {
        long value = devices.mmioRead(gpa, size);
        trace.exit(vcpu, Access.MMIO_READ, gpa, size, value);
        return value;
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        devices.mmioWrite(gpa, size, value);
        trace.exit(vcpu, Access.MMIO_WRITE, gpa, size, value);
    }

    @Override
    public void endOfInterrupt(int vector) {
        devices.endOfInterrupt(vector);
    }
}
