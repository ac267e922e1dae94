# Numbers, strings, regular expressions, pack and big numbers of Perl. Each part prints the SHA-256 of what it made, so that a
# difference shows where it is; of its start this program works it out too.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use List::Util qw(sum reduce shuffle);
use Math::BigFloat;
use Math::BigInt;
use POSIX qw(floor fmod strtod);

my $seed = 42;

sub rnd {    # 31 bits, as drand48(3) has them
    use integer;
    $seed = ($seed * 25214903917 + 11) & (1 << 48) - 1;
    return $seed >> 17;
}

sub part {
    my ($name, @lines) = @_;
    my $text = join("\n", @lines);
    my $start = substr $text, 0, 500;
    my ($here, $library) = (sha256($start), sha256_hex($start));
    print "$name: ", scalar(@lines), ' ', sha256_hex($text), ' ', ($here eq $library ? 'agree' : "$here, not $library"), "\n";
}

# FIPS 180-4, section 6.2; the constants by section 4.2.2 from the first primes' cube roots.
sub sha256 {
    my ($text) = @_;
    my @primes = grep { my $n = $_; $n > 1 && !grep { $n % $_ == 0 } 2 .. sqrt $n } 2 .. 311;
    my @k = map { fraction($_**(1 / 3)) } @primes;
    my @h = map { fraction(sqrt $_) } @primes[0 .. 7];
    my $bits = 8 * length $text;
    $text .= "\x80" . "\0" x (-(length($text) + 9) % 64) . pack('Q>', $bits);
    for (my $at = 0; $at < length $text; $at += 64) {
        my @w = unpack 'N16', substr($text, $at, 64);
        for my $i (16 .. 63) {
            my ($p, $q) = ($w[$i - 15], $w[$i - 2]);
            my $s0 = turn($p, 7) ^ turn($p, 18) ^ $p >> 3;
            my $s1 = turn($q, 17) ^ turn($q, 19) ^ $q >> 10;
            $w[$i] = $w[$i - 16] + $s0 + $w[$i - 7] + $s1 & 0xffffffff;
        }
        my ($a, $b, $c, $d, $e, $f, $g, $h) = @h;
        for my $i (0 .. 63) {
            my $s1 = turn($e, 6) ^ turn($e, 11) ^ turn($e, 25);
            my $t1 = $h + $s1 + ($e & $f ^ ~$e & $g & 0xffffffff) + $k[$i] + $w[$i];
            my $s0 = turn($a, 2) ^ turn($a, 13) ^ turn($a, 22);
            my $t2 = $s0 + ($a & $b ^ $a & $c ^ $b & $c);
            ($a, $b, $c, $d, $e, $f, $g, $h) = ($t1 + $t2 & 0xffffffff, $a, $b, $c, $d + $t1 & 0xffffffff, $e, $f, $g);
        }
        my @add = ($a, $b, $c, $d, $e, $f, $g, $h);
        $h[$_] = $h[$_] + $add[$_] & 0xffffffff for 0 .. 7;
    }
    return join '', map { sprintf '%08x', $_ } @h;
}

sub fraction { my ($x) = @_; return int(($x - int $x) * 4294967296) }
sub turn { my ($x, $n) = @_; return ($x >> $n | $x << 32 - $n) & 0xffffffff }

print "sha256 of abc: ", sha256('abc'), "\n";

part('integers', map { my ($x, $y) = (rnd(), 1 + rnd() % 10007); join ' ', $x * $y, int($x / $y), $x % $y, -$x % $y,
        $x ^ $y << 20, ~$x, $x << $y % 64, $x >> $y % 31 } 1 .. 300);
part('floats', map { my ($x, $y) = (rnd() / 65536, rnd() / 1048576 + 0.5); join ' ', map { sprintf '%.17g', $_ }
        $x + $y, $x - $y, $x * $y, $x / $y, sqrt $x, sin $x, cos $y, exp($y / 99), log $y, atan2($x, $y), $y**1.5, fmod($x, $y) }
        1 .. 300);
part('sprintf', map { my $x = (rnd() - 1073741824) * 10**(rnd() % 60 - 30); sprintf '%d %s %g %e %.3f %+.12e %a %5.1f %x %o %b', 
        $_, $x, $x, $x, $x / 1e9, $x, $x, $_ / 3, rnd(), rnd(), rnd() % 1024 } 1 .. 300);
part('strings to numbers', map { my $s = rnd() . '.' . rnd() . 'e' . (rnd() % 600 - 300); my ($n) = strtod($s);
        sprintf '%.17g %.17g', $s, $n } 1 .. 300);
part('pack', map { unpack 'H*', pack 'c s l q n N v V Q> f d F w U a5 Z8 H6', rnd() % 128, rnd() % 32768, rnd(), rnd() * rnd(),
        rnd() % 65536, rnd(), rnd() % 65536, rnd(), rnd(), rnd() / 7, rnd() / 11, 1 / rnd(), rnd(), 200 + rnd() % 1000, "ab$_",
        "text$_", sprintf('%06x', rnd() % 16777216) } 1 .. 300);
part('unpack', map { join ' ', unpack 'f< d< s> l> C/a', pack 'f< d< s> l> C/a', rnd() / 3, rnd() / 7, -(rnd() % 999), -rnd(),
        'x' x (rnd() % 20) } 1 .. 300);

my $text = join ' ', map { join '', map { chr(97 + rnd() % 26) } 0 .. rnd() % 9 } 1 .. 1500;
my %count;
$count{$_}++ for split ' ', $text;
part('words', map { "$_ $count{$_}" } sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count);
part('matches', $text =~ /\b([aeiou]?\w*?(\w)\2\w*)\b/g);
(my $changed = $text) =~ s/(?<=[a-f])(\w)(?=[m-z])/uc($1) . ord($1)/ge;
part('substitutions', split ' ', $changed);
part('translations', map { (my $t = $_) =~ tr/a-mn-z/n-za-m/; $t . reverse $_ } split ' ', $text);
part('unicode', map { my $c = chr(0xc0 + rnd() % 0x500); my $t = lc(uc $c) . ($c =~ /\p{L}/ ? 'L' : '-'); utf8::encode($t); $t } 1 .. 300);

part('big integers', map { my $n = Math::BigInt->new(rnd())->bpow(5)->badd(rnd()); $n . ' ' . $n->copy->bsqrt . ' '
        . $n->copy->bmodpow(65537, 1000000007) } 1 .. 8);
part('big floats', map { Math::BigFloat->new($_)->bsqrt(50) . ' ' . Math::BigFloat->new($_)->bdiv(7, 50) } 2 .. 12);
part('sorted', sort { $a <=> $b } map { rnd() / 1000 } 1 .. 1000);
print "sum: ", sum(map { $_ / 3 } 1 .. 10000), ' ', reduce { $a * 1.0001 + $b } 1 .. 10000;
print "\n";
