package dev.microvm.cli.run;

import dev.microvm.cli.Progress;
import dev.microvm.cli.json.JsonText;
import dev.microvm.sandbox.root.PreparedRoot;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm pull}: brings an image into the cache. */
@Command(
        name = "pull",
        description = "Pulls an image from a registry into the cache, and makes its root.",
        mixinStandardHelpOptions = true)
public final class PullCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "NAME", description = "The image: registry/repository:tag.")
    private String name = "";

    @Option(
            names = "--registry",
            paramLabel = "HOST[/PATH]",
            defaultValue = "${env:MICROVM_REGISTRY}",
            description = "Completes a name without a registry. Default: MICROVM_REGISTRY in the environment.")
    private @Nullable String registry;

    @Option(
            names = "--progress",
            paramLabel = "auto|always|never",
            description = "Whether to show how far it is. Default: on a terminal.")
    private Progress.When progress = Progress.When.AUTO;

    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    @Override
    public Integer call() {
        try (Progress shown = Progress.of(progress)) {
            RunReport report = new RunReport(shown, true, null);
            shown.step("pulling " + name);
            try (PreparedRoot root = GuestOptions.image(name, registry, report).prepare()) {
                shown.clear();
                print(root);
            }
        }
        return 0;
    }

    private void print(PreparedRoot root) {
        if (!json) {
            System.out.println(root.disk().path() + (root.fromCache() ? " (was in the cache)" : ""));
            return;
        }
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("image", name);
        all.put("root", root.disk().path().toString());
        all.put("fromCache", root.fromCache());
        all.put("command", root.config().command());
        all.put("env", root.config().env());
        all.put("workdir", root.config().workdir());
        all.put("user", root.config().user());
        System.out.println(JsonText.of(all));
    }
}
