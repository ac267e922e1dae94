package dev.microvm.event;

import dev.microvm.testing.EventLoopContract;

final class JavaEventLoopTest extends EventLoopContract {
    JavaEventLoopTest() {
        super(new JavaEventLoop(NAME));
    }
}
