/** Short programs that show how a machine works; each is one file to read from top to bottom. */
module dev.microvm.examples {
    requires dev.microvm.boot;
    requires dev.microvm.sandbox;
}
