#!/bin/busybox sh
# The init of the benchmark of programs: runs each, and prints a line with its name after it.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t devtmpfs dev /dev
export PATH=/usr/bin:/bin
$busybox head -c 2000000 /usr/bin/python3 > /tmp/data

# repeat COUNT: 2 MB of data, so often.
repeat() {
  i=0
  while [ $i -lt "$1" ]; do
    $busybox cat /tmp/data
    i=$((i + 1))
  done
}

program() {
  case $1 in
    gzip) repeat 25 | $busybox gzip -1 ;;
    sha256) repeat 100 | $busybox sha256sum ;;
    python3) python3 -c 'for i in range(6000000): t = i * 3 & 0xffff' ;;
    rsa2048) openssl speed -seconds 5 rsa2048 ;;
    gcc) gcc -O2 -S -o /tmp/out.s /tmp/program.c ;;
    sort) $busybox sort -n /tmp/lines ;;
  esac
}

$busybox awk 'BEGIN { for (x = 1; i < 1000000; i++) { x = x * 16807 % 2147483647; print x } }' > /tmp/lines
$busybox awk 'BEGIN { for (; i < 300; i++) printf "int f%d(int a) { int s = 0; for (int i = 0; i < a; i++) s += i * %d ^ a; return s; }\n", i, i }' > /tmp/program.c
echo "@start"
for each in gzip sha256 python3 rsa2048 gcc sort; do
  program $each > /dev/null 2>&1 || echo "bench: $each failed"
  echo "@$each"
done
$busybox reboot -f
