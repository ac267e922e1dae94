package dev.microvm.sandbox.agent;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;

/** A guest that answers anything on the agent's port: the host gets an exception or an answer, in bounded memory. */
final class AgentFuzzTest {
    private static final int BUDGET = 1 << 20; // bytes of output that are kept

    @FuzzTest(maxDuration = "")
    void survivesAnyAnswers(FuzzedDataProvider data) {
        ScriptedAgent agent = answers(data);
        try {
            ask(data.consumeInt(0, 6), agent);
        } catch (IOException e) {
            return; // what a hostile guest gets
        }
    }

    /** Frames that are mostly well formed, so that what lies behind the frames is reached too. */
    private static ScriptedAgent answers(FuzzedDataProvider data) {
        ScriptedAgent agent = new ScriptedAgent().inPiecesOf(data.consumeInt(1, 100));
        int frames = data.consumeInt(0, 20);
        for (int i = 0; i < frames; i++) {
            if (data.consumeInt(0, 9) == 0) agent.bytes(data.consumeBytes(20));
            else agent.frame(data.consumeInt(Wire.OK - 1, Wire.END + 1), data.consumeBytes(200));
        }
        return agent;
    }

    private static void ask(int what, ScriptedAgent agent) throws IOException {
        Dialer dialer = () -> new AgentChannel(agent);
        switch (what) {
            case 0 -> exec(agent);
            case 1 -> new RemoteFiles(dialer).list("/");
            case 2 -> new RemoteFiles(dialer).stat("/", true);
            case 3 -> new RemoteFiles(dialer).readLink("/");
            case 4 -> new RemoteFiles(dialer).space("/");
            case 5 -> new GuestSystem(dialer).file("/proc/stat");
            default -> DataStreams.input(new AgentChannel(agent)).transferTo(OutputStream.nullOutputStream());
        }
    }

    private static void exec(ScriptedAgent agent) throws IOException {
        try (ExecLink link = ExecLink.ask(
                () -> new AgentChannel(agent), Payload.of(Wire.EXEC).texts(List.of("true")))) {
            Collector.Budget budget = new Collector.Budget(BUDGET, link::killTree);
            link.run(
                    new Collector(budget, bytes -> link.grant(ExecLink.STDOUT, bytes)),
                    new OutputBuffer(bytes -> link.grant(ExecLink.STDERR, bytes)));
        }
    }
}
