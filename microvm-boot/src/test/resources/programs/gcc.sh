# Compiles, assembles, links and runs numbers.c. RUN goes before the name of a program of Debian's. In the guest gcc starts the
# compiler proper, the assembler and the linker. ROOT is empty there; on the host it is the folder where these programs are,
# and they are started one by one, because gcc would start them with the host's libraries.
if [ -z "$ROOT" ]; then
  run() { "$@"; }
  gcc -O2 -S numbers.c && gcc -c numbers.s && gcc -o numbers numbers.o -lm
else
  gcc=$(echo "$ROOT"/usr/lib/gcc/*/*) lib=$(echo "$ROOT"/usr/lib/*-linux-gnu) include=$(echo "$ROOT"/usr/include/*-linux-gnu)
  run() { ${RUN%"$ROOT"/usr/bin/} "$@"; }
  run "$gcc/cc1" -quiet -nostdinc -isystem "$gcc/include" -isystem "$include" -isystem "$ROOT/usr/include" numbers.c \
    -mtune=generic -march=x86-64 -O2 -fasynchronous-unwind-tables -o numbers.s &&
    ${RUN}as --64 -o numbers.o numbers.s &&
    ${RUN}ld --sysroot="$ROOT" --build-id --eh-frame-hdr -m elf_x86_64 --hash-style=gnu --as-needed -pie \
      -dynamic-linker /lib64/ld-linux-x86-64.so.2 -o numbers "$lib/Scrt1.o" "$lib/crti.o" "$gcc/crtbeginS.o" -L"$gcc" -L"$lib" \
      numbers.o -lm -lgcc --push-state --as-needed -lgcc_s --pop-state -lc -lgcc --push-state --as-needed -lgcc_s \
      --pop-state "$gcc/crtendS.o" "$lib/crtn.o"
fi
$BUSYBOX sha256sum numbers.s numbers.o numbers
run ./numbers
