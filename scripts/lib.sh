# shellcheck shell=bash
# Shared functions of the scripts in this folder. Sourced, never run.
#
# Read by all of them:
#   MICROVM_CACHE      where downloads are kept (default: ${XDG_CACHE_HOME:-~/.cache}/microvm)
#   MICROVM_AOT_CACHE  0 = make and use no ahead-of-time cache of the checkout's programs
#   MICROVM_PRIVATE    1 = install nothing on the system, even as root; unpack into the cache instead
#
# Progress and errors go to stderr, so that stdout carries a script's result alone.

PROJECT=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${MICROVM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/microvm}
MULTIARCH=$(uname -m)-linux-gnu
OLDEST_JDK=22
OLDEST_MAVEN=3.8.7
# shellcheck disable=SC2034 # used by the scripts
DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
# What helps a JVM on the lab's emulated CPU.
# shellcheck disable=SC2034
LAB_JVM=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto)
JAVA_OPTIONS=() # more for a JVM, see junit_in_lab

# ---- talking to the user ---------------------------------------------------------------------

say() { printf '==> %s\n' "$*" >&2; }

# die MESSAGE [REMEDY]: what is wrong, then what to do about it.
die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  if [[ -n ${2:-} ]]; then printf '  %s\n' "$2" >&2; fi
  exit 1
}

# Prints the comment at the head of the running script: its --help.
usage() { sed -n '2,/^[^#]/{/^#/!q; s/^# \{0,1\}//; p}' "$0"; }

have() { command -v "$1" > /dev/null 2>&1; }

# ---- packages --------------------------------------------------------------------------------

# Whether packages go onto the system (root) or into $CACHE/root (anyone else).
system_install() { [[ $EUID -eq 0 && ${MICROVM_PRIVATE:-0} != 1 ]]; }

# apt_user TOOL ARGUMENT...: apt-get or apt-cache with every file it writes in our cache, so that it
# works without root. It reads the system's package lists until refresh_lists has fetched our own.
apt_user() {
  local tool=$1 state=$CACHE/apt options=()
  shift
  mkdir -p "$state/cache/archives/partial"
  options=(-o "Dir::Cache=$state/cache" -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 -o "APT::Sandbox::User=$(id -un)")
  if [[ -d $state/lists ]]; then
    options+=(-o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o Dir::State::status=/var/lib/dpkg/status)
  fi
  "$tool" -q "${options[@]}" "$@"
}

refresh_lists() {
  if system_install; then
    apt-get -q update
  else
    mkdir -p "$CACHE/apt/lists/partial"
    apt_user apt-get update
  fi
}

# with_lists COMMAND...: runs it; when it fails, refreshes the package lists and tries once more.
# Passes its stdout on, and what it says of itself only when the second try fails too.
with_lists() {
  local out err status=0
  have apt-get || die "this needs Debian's apt-get, which is not here" "run it on Debian, or install by hand: ${*: -1}"
  out=$(mktemp) err=$(mktemp)
  if ! "$@" > "$out" 2> "$err"; then
    say "refreshing the package lists"
    refresh_lists > /dev/null 2> "$err" || true # one unreachable source of many is no failure
    "$@" > "$out" 2>> "$err" || status=$?
  fi
  if ((status == 0)); then cat "$out"; else sed 's/^/    /' "$err" >&2; fi
  rm -f "$out" "$err"
  return "$status"
}

# fetch_packages DIR PACKAGE[=VERSION]...: downloads the .deb files into DIR.
fetch_packages() (
  cd "$1" && shift
  list=$(with_lists apt_user apt-get download --print-uris "$@") ||
    die "apt does not offer: $*" "check /etc/apt/sources.list*"
  say "downloading $(awk -v names="$*" '
    { bytes += $3 }
    END { printf "%s (%.1f MB)", (NR > 4 ? NR " packages" : names), bytes / 1e6 }' <<< "$list")"
  with_lists apt_user apt-get download "$@" > /dev/null || die "could not download: $*" "check the network, then try again"
)

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null) == installed ]]; }

# need_packages PACKAGE...: has them installed on the system, or unpacked into $CACHE/root.
need_packages() {
  local package missing=()
  for package; do
    if ! installed "$package" && [[ ! -e $CACHE/root/.packages/$package ]]; then missing+=("$package"); fi
  done
  if ((${#missing[@]} == 0)); then return 0; fi
  if system_install; then
    say "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive with_lists apt-get -q -y -o DPkg::Lock::Timeout=300 \
      install --no-install-recommends "${missing[@]}" > /dev/null ||
      die "could not install: ${missing[*]}" "run: apt-get update && apt-get install ${missing[*]}"
  else
    unpack_packages "${missing[@]}"
  fi
}

# The packages, and what they need that the system lacks, as NAME=VERSION lines.
missing_closure() {
  apt_user apt-get install --simulate --no-install-recommends "$@" |
    sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\{0,1\}(\([^ ]*\) .*/\1=\3/p'
}

unpack_packages() (
  local list packages deb work
  mkdir -p "$CACHE/root/.packages"
  exec 9> "$CACHE/root/.lock" && flock 9
  have dpkg-deb || die "missing: $*" "install them with your system's package manager, then try again"
  say "unpacking into $CACHE/root, as nothing is installed without root: $*"
  list=$(with_lists missing_closure "$@") || die "apt does not offer: $*" "ask an administrator to install them"
  mapfile -t packages <<< "$list"
  work=$(mktemp -d "$CACHE/unpack.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fetch_packages "$work" "${packages[@]}"
  for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$CACHE/root"; done
  relocate_private_root
  (cd "$CACHE/root/.packages" && touch -- "$@" "${packages[@]%%=*}")
)

# Symlinks and linker scripts in the private root name absolute paths; lead them back into it.
relocate_private_root() {
  local root=$CACHE/root link target script path paths
  while IFS= read -r -d '' link; do
    target=$(readlink "$link")
    if [[ -e $root$target ]]; then ln -sfn "$root$target" "$link"; fi
  done < <(find "$root" -type l -lname '/*' -not -lname "$root/*" -print0)
  for script in "$root/usr/lib/$MULTIARCH"/lib{c,m}.so "$root/usr/lib/$MULTIARCH"/lib{c,m}.a; do
    if [[ ! -f $script ]] || ! head -c 32 "$script" | grep -q 'GNU ld script'; then continue; fi
    mapfile -t paths < <(grep -o ' /[^ ]*' "$script")
    for path in "${paths[@]# }"; do
      if [[ ! -e $path && -e $root$path ]]; then sed -i "s| $path| $root$path|g" "$script"; fi
    done
  done
}

# Makes what is in the private root usable by the programs we start. It holds only packages that
# the system lacks, so it goes behind the system's own folders.
use_private_root() {
  local root=$CACHE/root
  if [[ ! -d $root || ${MICROVM_ROOT_IN_USE:-} == "$root" ]]; then return 0; fi
  export MICROVM_ROOT_IN_USE=$root
  export PATH=$PATH:$root/usr/bin:$root/usr/sbin:$root/bin:$root/sbin
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$root/usr/lib/$MULTIARCH:$root/lib/$MULTIARCH
  export CPATH=${CPATH:+$CPATH:}$root/usr/include:$root/usr/include/$MULTIARCH
  export LIBRARY_PATH=${LIBRARY_PATH:+$LIBRARY_PATH:}$root/usr/lib/$MULTIARCH
}

# need_tools COMMAND=PACKAGE...: makes each command runnable, from its package where it is missing.
need_tools() {
  local spec missing=()
  use_private_root
  for spec; do
    if ! have "${spec%%=*}"; then missing+=("${spec#*=}"); fi
  done
  if ((${#missing[@]} == 0)); then return 0; fi
  need_packages "${missing[@]}"
  use_private_root
  hash -r
  for spec; do
    have "${spec%%=*}" || die "${spec%%=*} is still missing" "install the package ${spec#*=} by hand"
  done
}

# GNU as, ld and gcc with the C library's headers.
need_compiler() {
  need_tools as=binutils gcc=gcc
  if ! gcc -E -x c - <<< '#include <stdio.h>' > /dev/null 2>&1; then
    need_packages libc6-dev
    use_private_root
  fi
}

# ---- Java ------------------------------------------------------------------------------------

# The feature version of the JDK in a folder ("25"), or nothing when there is none.
jdk_version() {
  if [[ -x $1/bin/javac && -r $1/release ]]; then
    sed -n 's/^JAVA_VERSION="\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' "$1/release"
  fi
}

# Prints the first JDK that is new enough: JAVA_HOME, then PATH, then the newest of the usual places.
find_jdk() {
  local home version best='' best_version=0 on_path=''
  if have javac; then on_path=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")"); fi
  for home in "${JAVA_HOME:-}" "$on_path"; do
    version=$(jdk_version "$home")
    if ((${version:-0} >= OLDEST_JDK)); then echo "$home" && return; fi
  done
  for home in /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* /opt/* /opt/*/* "$CACHE"/root/usr/lib/jvm/*; do
    version=$(jdk_version "$home")
    if ((${version:-0} > best_version)); then best=$home best_version=$version; fi
  done
  if ((best_version >= OLDEST_JDK)); then echo "$best"; else return 1; fi
}

# The newest OpenJDK package that apt can offer.
jdk_package() {
  local release
  for release in 25 24 23 22; do
    if apt_user apt-get install --simulate --no-install-recommends "openjdk-$release-jdk-headless" > /dev/null 2>&1; then
      echo "openjdk-$release-jdk-headless" && return
    fi
  done
  return 1
}

# Debian's JDK takes its trusted certificates from a file that only an installation makes; without it
# Maven can download nothing. Makes it for a JDK in the private root.
trust_certificates() {
  local target=$CACHE/root/etc/ssl/certs/java/cacerts source=/etc/ssl/certs/ca-certificates.crt work
  if [[ $1 != "$CACHE"/root/* || -e $1/lib/security/cacerts ]]; then return 0; fi
  [[ -r $source ]] || die "there are no trusted certificates on this system" "install the package ca-certificates"
  work=$(mktemp -d)
  cat > "$work/Trust.java" << 'JAVA'
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;

class Trust {
    public static void main(String[] files) throws Exception {
        KeyStore store = KeyStore.getInstance("JKS");
        store.load(null, null);
        try (var in = new FileInputStream(files[0]); var out = new FileOutputStream(files[1])) {
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("ca" + store.size(), certificate);
            }
            store.store(out, "changeit".toCharArray());
        }
    }
}
JAVA
  mkdir -p "${target%/*}"
  "$1/bin/java" "$work/Trust.java" "$source" "$work/cacerts" || die "could not make $target"
  mv "$work/cacerts" "$target"
  ln -sfn "$target" "$1/lib/security/cacerts"
  rm -r "$work"
}

# Sets and exports JAVA_HOME.
need_jdk() {
  local package
  if ! JAVA_HOME=$(find_jdk); then
    if ! have apt-get || ! package=$(with_lists jdk_package); then
      die "no JDK $OLDEST_JDK or newer was found, and apt has none to offer" \
        "install one (any vendor; for example Eclipse Temurin 25) and set JAVA_HOME to its folder"
    fi
    need_packages "$package"
    JAVA_HOME=$(find_jdk) || die "$package brought no usable JDK" "install a JDK by hand and set JAVA_HOME"
  fi
  trust_certificates "$JAVA_HOME"
  export JAVA_HOME
}

# Sets MVN, an array: mvn when it is new enough, else the project's Maven wrapper.
need_maven() {
  local version=''
  if ! have mvn && system_install && [[ ! -x $PROJECT/mvnw ]]; then need_packages maven; fi
  if have mvn; then version=$(mvn -v 2> /dev/null | sed -n 's/.*Apache Maven \([0-9.]*\).*/\1/p'); fi
  if [[ -n $version && $(printf '%s\n' "$OLDEST_MAVEN" "$version" | sort -V | head -n 1) == "$OLDEST_MAVEN" ]]; then
    MVN=(mvn)
  elif [[ -x $PROJECT/mvnw ]]; then
    MVN=("$PROJECT/mvnw")
  else
    die "no Maven $OLDEST_MAVEN or newer, and no Maven wrapper in the project" "install the package maven"
  fi
  MVN+=(-Dstyle.color=never)
  # Maven 3's own libraries use sun.misc.Unsafe, of which newer JDKs warn at length.
  if (($(jdk_version "${JAVA_HOME:-}") >= 24)); then
    export MAVEN_OPTS="${MAVEN_OPTS:-} --sun-misc-unsafe-memory-access=allow"
  fi
}

# ---- KVM -------------------------------------------------------------------------------------

# Why /dev/kvm cannot run an ordinary kernel here; prints nothing when it can.
kvm_problem() {
  if [[ ! -e /dev/kvm ]]; then
    echo "there is no /dev/kvm"
  elif [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
    echo "/dev/kvm may not be opened by $(id -un) (add yourself to the group kvm)"
  elif [[ -e /sys/module/kvm_pvm ]]; then
    echo "/dev/kvm is KVM-PVM, which runs no unmodified kernel"
  elif ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
    echo "the CPU shows neither vmx nor svm"
  fi
}

# ---- tests in the lab ------------------------------------------------------------------------

# What Maven is asked beside a build, so that junit_in_lab finds each module's test class path.
# shellcheck disable=SC2034
TEST_CLASSPATH=("$DEPENDENCY_PLUGIN:build-classpath" -Dmdep.outputFile=target/test-classpath)

# Fetches JUnit's console launcher.
need_junit_console() {
  local artifact=org.junit.platform:junit-platform-console-standalone version
  version=$(sed -n 's:.*<junit.version>\(.*\)</junit.version>.*:\1:p' "$PROJECT/pom.xml")
  (cd "$PROJECT" && "${MVN[@]}" -q -B -N "$DEPENDENCY_PLUGIN:copy" -Dartifact="$artifact:$version" \
    -DoutputDirectory="$PROJECT/target" -Dmdep.stripVersion=true)
  mv "$PROJECT/target/${artifact#*:}.jar" "$PROJECT/target/junit-console.jar"
}

# Sets JUNIT, an array: java and its arguments that run JUnit on what Maven has built of a module, but not which tests.
# JAVA_OPTIONS, an array, is for its JVM. BUILD_DIR is where the build is, below the module (default: target). Without
# Maven, which is slow in the lab.
set_junit() {
  local target=$PROJECT/$1/${BUILD_DIR:-target}
  JUNIT=("$JAVA_HOME/bin/java" "${JAVA_OPTIONS[@]}" --enable-native-access=ALL-UNNAMED
    -cp "$PROJECT/target/junit-console.jar:$target/test-classes:$target/classes:$(< "$target/test-classpath")"
    org.junit.platform.console.ConsoleLauncher execute --disable-banner --disable-ansi-colors --details=tree
    --fail-if-no-tests)
}

# junit_here MODULE ARGUMENT...: JUnit with these arguments, see set_junit.
junit_here() {
  set_junit "$1"
  shift
  "${JUNIT[@]}" "$@"
}

# junit_in_lab MODULE SECONDS ARGUMENT...: the same in the lab, for so long at most. With one CPU, because a guest that
# patches its own code while another of its CPUs runs it can hang where QEMU emulates several (see hold_machine in
# lab-init).
junit_in_lab() {
  local seconds=$2 JAVA_OPTIONS=("${LAB_JVM[@]}" "${JAVA_OPTIONS[@]}")
  set_junit "$1"
  shift 2
  "$PROJECT/scripts/lab" --cpus 1 --timeout "$seconds" -- "${JUNIT[@]}" "$@"
}

# ---- programs of the checkout ----------------------------------------------------------------

KERNEL_CLASSES='' # the bundled kernel, as a folder of the class path

# use_program NAME MODULE...: says which program the functions below build and run, that of module microvm-NAME, and
# which modules it is built from besides.
use_program() {
  PROGRAM_MODULES=("${@:2}" "$1")
  PROGRAM_TARGET=$PROJECT/microvm-$1/target/quick
  PROGRAM_CLASSPATH=$PROGRAM_TARGET/classpath
}

# Lets the program have the bundled kernel, where scripts/kernel has built it.
prefer_bundled_kernel() {
  if "$PROJECT/scripts/kernel" --path > /dev/null 2>&1; then
    PROGRAM_MODULES+=(kernel)
    KERNEL_CLASSES=$PROJECT/microvm-kernel/target/quick/classes:
  fi
}

# Whether the program was built after the last change to what it is built from.
program_built() {
  local module
  [[ -e $PROGRAM_CLASSPATH ]] || return 1
  for module in "${PROGRAM_MODULES[@]/#/microvm-}"; do
    [[ -e $PROJECT/$module/target/quick/classes ]] || return 1
    [[ -z $(find "$PROJECT/pom.xml" "$PROJECT/$module"/{pom.xml,src/main} -newer "$PROGRAM_CLASSPATH" -print -quit) ]] || return 1
  done
  [[ -z $KERNEL_CLASSES || ! $PROJECT/microvm-kernel/bundled/vmlinuz -nt $PROGRAM_CLASSPATH ]]
}

# Compiles without the checks and plug-ins that only developers need; see the profile quick in pom.xml.
build_program() {
  (cd "$PROJECT" && "${MVN[@]}" -q -B -ntp -Dmicrovm.quick compile \
    -pl "$(IFS=, && echo "${PROGRAM_MODULES[*]/#/microvm-}")" -am) || die "the build failed" "the reason is above"
  touch "$PROGRAM_CLASSPATH"
}

# The program's class path: folders with classes, and jars.
program_classpath() { echo "$KERNEL_CLASSES$PROGRAM_TARGET/classes:$(< "$PROGRAM_CLASSPATH")"; }

# Sets PROGRAM, an array: java with the program's class path; its main class and arguments follow. With its ahead-of-time
# cache if there is one, see make_program_cache.
set_program() {
  local classpath cache
  classpath=$(program_classpath)
  cache=$(program_cache)
  PROGRAM=("$JAVA_HOME/bin/java" "${JAVA_OPTIONS[@]}" --enable-native-access=ALL-UNNAMED)
  if [[ -n $cache && -e $cache/program.aot ]]; then
    classpath=$(< "$cache/classpath")
    # A JVM with options that the cache is not for, such as another garbage collector, runs without it and says nothing.
    PROGRAM+=("-XX:AOTCache=$cache/program.aot" -Xlog:aot=off -Xlog:cds=off)
  fi
  PROGRAM+=(-cp "$classpath")
}

FIRST_WITH_CACHE=25 # -XX:AOTCacheOutput

# The folder of the program's ahead-of-time cache. It is named by the JDK and the classes that the cache is for, so there
# is never an old one. Prints nothing if there is to be none.
program_cache() {
  local parts=()
  if [[ ${MICROVM_AOT_CACHE:-1} == 0 ]] || (($(jdk_version "$JAVA_HOME") < FIRST_WITH_CACHE)); then return 0; fi
  IFS=: read -ra parts <<< "$(program_classpath)"
  echo "$PROGRAM_TARGET/aot/$({
    cat "$JAVA_HOME/release"
    find "${parts[@]}" -type f -printf '%p %s %T@\n' | LC_ALL=C sort
  } | sha256sum | cut -c 1-12)"
}

# Whether the program has an ahead-of-time cache, or is to have none.
program_cached() {
  local cache
  cache=$(program_cache)
  [[ -z $cache || -e $cache/classpath ]]
}

# make_program_cache MAIN ARGUMENT...: makes the cache by running the program, on the CPU written in Java. The JVM takes
# classes from jars only, so each folder of the class path becomes one.
make_program_cache() (
  cache=$(program_cache)
  mkdir -p "${cache%/*}"
  exec 9> "${cache%/*}.lock" && flock 9
  if program_cached; then return 0; fi
  rm -rf "${cache%/*}"
  mkdir -p "$cache"
  IFS=: read -ra parts <<< "$(program_classpath)"
  for i in "${!parts[@]}"; do
    if [[ -d ${parts[i]} ]]; then
      "$JAVA_HOME/bin/jar" -c0f "$cache/$i.jar" -C "${parts[i]}" .
      parts[i]=$cache/$i.jar
    fi
  done
  classpath=$(IFS=: && echo "${parts[*]}")
  if "$JAVA_HOME/bin/java" "${JAVA_OPTIONS[@]}" --enable-native-access=ALL-UNNAMED -Dmicrovm.hypervisor=engine \
    "-XX:AOTCacheOutput=$cache/program.aot" -cp "$classpath" "$@" > "$cache/log" 2>&1 < /dev/null; then
    rm -f "$cache"/*.config
  else
    say "there is no ahead-of-time cache, so the program starts slower: $cache/log says why"
    rm -f "$cache/program.aot"
  fi
  echo "$classpath" > "$cache/classpath" # last: it says that this was done, even in vain
)

# use_examples: the program is the examples.
use_examples() { use_program examples core devices engine boot sandbox; }

# run_example CLASS HYPERVISOR ARGUMENT...: runs an example of that name.
run_example() {
  set_program
  "${PROGRAM[@]}" "-Dmicrovm.hypervisor=$2" "dev.microvm.examples.$1" "${@:3}"
}

# ---- the bundled kernel ----------------------------------------------------------------------

KERNEL_CONFIG=$PROJECT/microvm-kernel/kernel.config
KERNEL_SOURCE=linux-source-6.1 # the package
# What else decides which bytes the build makes. No name, place or time of the build is in them.
KERNEL_BUILD=(KBUILD_BUILD_USER=microvm KBUILD_BUILD_HOST=microvm KBUILD_BUILD_VERSION=1 LC_ALL=C TZ=UTC)

# The hash of the configuration, without its comments: the part of a kernel's name in the cache that the project decides.
kernel_hash() {
  { sed '/^CONFIG_/!d' "$KERNEL_CONFIG" && printf '%s\n' "${KERNEL_BUILD[@]}"; } | LC_ALL=C sort | sha256sum | cut -c 1-12
}

# kernel_folder_of VERSION: where the kernel of this configuration and a version of the source is, or will be.
kernel_folder_of() { echo "$CACHE/kernel/$(kernel_hash)-$1"; }

# The folder of the newest kernel of this configuration in the cache; fails if there is none.
kernel_folder() {
  find "$CACHE/kernel" -mindepth 2 -maxdepth 2 -path "*/$(kernel_hash)-*/vmlinuz" -printf '%h\n' 2> /dev/null |
    sort -V | tail -n 1 | grep .
}
