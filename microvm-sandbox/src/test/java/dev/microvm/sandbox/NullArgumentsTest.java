package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.agent.AgentChannel;
import dev.microvm.sandbox.agent.ExecLink;
import dev.microvm.sandbox.agent.Payload;
import dev.microvm.sandbox.agent.Wire;
import dev.microvm.sandbox.root.PreparedRoot;
import dev.microvm.sandbox.root.Root;
import dev.microvm.sandbox.root.RootCache;
import dev.microvm.testing.ApiSamples;
import dev.microvm.testing.ExportedTypes;
import dev.microvm.testing.NullWalk;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The API of this module, called with null. */
final class NullArgumentsTest {
    /** Defaults of an interface that users implement. */
    private static final Set<String> HEARS_NOTHING = Stream.of(
                    "rootPrepared", "machineBuilt", "machineStarted", "agentAnswered")
            .map(method -> StartListener.class.getName() + "." + method)
            .collect(Collectors.toSet());

    @TempDir
    private Path folder;

    @Test
    void failAtTheCall_withTheNameOfTheParameter() throws IOException {
        Path tree = Files.createDirectory(folder.resolve("tree"));
        Root root = Root.directory(tree).cache(RootCache.at(folder.resolve("cache")));
        MicroVm machine = TinyKernel.on(folder, "exit")
                .hypervisor(HypervisorChoice.ENGINE)
                .virtioVsock(3)
                .build();
        Agent agent = new Agent(machine);
        try (ApiSamples samples = new ApiSamples();
                PreparedRoot prepared = root.prepare()) {
            samples.add(Path.class, tree);
            samples.add(Inet4Address.class, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
            samples.add(Root.class, root);
            samples.add(PreparedRoot.class, prepared);
            samples.add(MicroVm.class, machine);
            samples.add(Command.class, Command.of("true"));
            samples.add(AgentInit.class, AgentInit.builder());
            samples.add(Agent.class, agent);
            samples.add(SandboxBuilder.class, Sandbox.builder());
            samples.add(Sandbox.class, new Sandbox(machine, agent, new SharedRoot(prepared)));
            samples.add(GuestProcess.class, process(machine));
            NullWalk walk = new NullWalk(samples, HEARS_NOTHING);

            walk.over(ExportedTypes.ofThisModule());

            assertThat(walk.wrong()).isEmpty();
            assertThat(walk.parameters()).isGreaterThan(80);
        }
    }

    /** Returns one whose guest says nothing. */
    private static GuestProcess process(MicroVm machine) throws IOException {
        ExecLink link = ExecLink.ask(() -> new AgentChannel(new Silence()), Payload.of(Wire.EXEC));
        return new GuestProcess(Command.of("true"), link, new GuestFailures(machine));
    }

    private static final class Silence implements ByteChannel {
        @Override
        public int read(ByteBuffer to) {
            return -1;
        }

        @Override
        public int write(ByteBuffer from) {
            int length = from.remaining();
            from.position(from.limit());
            return length;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }
}
