package dev.microvm.event;

final class JavaEventLoopTest extends EventLoopContract {
    JavaEventLoopTest() {
        super(new JavaEventLoop(NAME));
    }
}
