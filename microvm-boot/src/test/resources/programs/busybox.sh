# Applets of busybox on the file "data" in the current folder: each answers on a line or a few.
# BUSYBOX is the program. The last part is a plain script, so that the shell itself has work.
b=$BUSYBOX

say() { echo "$1: $($b md5sum)"; }

$b md5sum data
$b sha1sum data
$b sha256sum data
$b sha512sum data
$b sha3sum data
$b crc32 data
$b wc data
$b dd if=data bs=1000 skip=3 count=777 2> /dev/null | say dd
$b od -A x -t x2 -N 40000 data | say od
$b hexdump -C -n 40000 data | say hexdump
$b xxd -l 40000 data | say xxd
$b base64 data > base64.txt
say base64 < base64.txt
$b base64 -d base64.txt | $b cmp - data && echo "base64: back"
$b uuencode -m data < data | $b uudecode -o - | $b cmp - data && echo "uuencode: back"
$b tr -dc 'a-z0-9\n' < data > words.txt
$b tr a-z A-Z < words.txt | say tr
$b fold -w 17 words.txt > lines.txt
$b sort lines.txt > sorted.txt
say sort < sorted.txt
$b sort -n lines.txt | say sort-n
$b uniq -c sorted.txt | say uniq
$b cut -c 2-9 lines.txt | say cut
$b rev lines.txt | say rev
$b tac lines.txt | say tac
$b nl lines.txt | say nl
$b paste lines.txt sorted.txt | say paste
$b comm lines.txt sorted.txt 2> /dev/null | say comm
$b grep -c '[0-9][a-f]*[0-9]' lines.txt
$b grep -E '(ab|cd|e.f)+' lines.txt | say grep
$b sed -e 's/\([a-m]\)\([0-9]\)/\2\1/g' -e '/^q/d' lines.txt | say sed
$b diff lines.txt sorted.txt | say diff
$b expand -t 3 lines.txt | say expand
$b head -n 500 lines.txt | $b tail -n 20 | say head-tail
$b cp data copy && $b cmp data copy && echo "cp: same"
printf 'one byte else' | $b dd of=copy bs=1 seek=70000 conv=notrunc 2> /dev/null
$b cmp data copy
$b cmp -l data copy | say cmp-l
$b mkdir -p tree/a/b/c && $b cp lines.txt tree/a/b/c && $b ln -s ../b tree/a/link
$b find tree | $b sort
$b tar -cf - tree | $b tar -xOf - tree/a/b/c/lines.txt | $b cmp - lines.txt && echo "tar: back"
$b find tree -type f | $b cpio -o -H newc 2> /dev/null | $b cpio -t 2> /dev/null
for pack in gzip bzip2; do
  $b $pack -c < data > packed
  say $pack < packed
  $b $pack -d -c < packed | $b cmp - data && echo "$pack: back"
done
$b gunzip -c < java.gz | $b cmp - data && echo "gunzip: as Java packed it"
$b seq 1 7 2000 | $b awk '{ s += $1 * $1; p = (p * 31 + $1) % 1000003 } END { print s, p }'
$b awk 'BEGIN { for (i = 1; i < 40; i++) printf "%.17g %e %d %x\n", i / 7 + 1 / i, i * i / 3e9, i * 1000003, i * 2654435 }'
$b awk '{ n[substr($0, 1, 1)]++ } END { for (c in n) print c, n[c] }' lines.txt | $b sort
echo '2 100 ^ p 3 7 / p 1000 v p' | $b dc
echo 'scale = 60; 4 * a(1); e(1); sqrt(2); 2 ^ 512; s(1) + c(1); l(10)' | $b bc -l
$b factor 1234567890123456789 1000000007 600851475143
$b expr 12345 \* 6789 - 17 % 5
$b date -u -d @1234567890 '+%Y-%m-%d %H:%M:%S %j %a'
$b cal 2 2000
$b printf '%05d|%-8s|%x|%o|%e|%.3f|%c\n' 42 left 48879 511 12345.678 2.71828 Z
$b ipcalc -b -n -m 10.23.45.67/19
i=0 a=0 b2=1 x=12345
while [ $i -lt 2000 ]; do
  c=$(((a + b2) & 0xffffffff)) a=$b2 b2=$c
  x=$(((x * 6364136223846793005 + 1442695040888963407) ^ (x >> 17)))
  i=$((i + 1))
done
echo "shell: $a $x $((x / 1000003)) $((x % 1000003)) $((-x >> 5))"
