# OpenSSL's digests, ciphers, big numbers and public keys. RUN goes before the name of a program of Debian's.
openssl="${RUN}openssl"

$openssl version
printf 'The quick brown fox jumps over the lazy dog' > fox
for digest in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-224 sha3-256 sha3-512 shake128 shake256 blake2b512 blake2s256 \
  sm3 ripemd160; do
  $openssl dgst -$digest fox data
done
for mac in '-macopt digest:SHA256 HMAC' '-macopt cipher:AES-128-CBC CMAC' Poly1305 SipHash KMAC128; do
  case $mac in
    Poly1305) key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f ;;
    *) key=000102030405060708090a0b0c0d0e0f ;;
  esac
  echo "$mac: $($openssl mac -macopt hexkey:$key -in data $mac)"
done
for cipher in aes-128-cbc aes-192-ecb aes-256-ctr aes-256-cfb aes-128-ofb aria-128-cbc camellia-256-cbc chacha20 des-ede3-cbc \
  sm4-cbc; do
  $openssl enc -$cipher -pbkdf2 -iter 100 -S 0123456789abcdef -pass pass:secret -in data -out encrypted
  echo "$cipher: $($openssl dgst -sha256 -r < encrypted)"
  $openssl enc -d -$cipher -pbkdf2 -iter 100 -S 0123456789abcdef -pass pass:secret -in encrypted | $openssl dgst -sha256 -r
done
# FIPS 197, appendix C.1; RFC 8439, appendix A.1, test vector 1
printf '00112233445566778899aabbccddeeff' | $BUSYBOX xxd -r -p |
  $openssl enc -aes-128-ecb -nopad -K 000102030405060708090a0b0c0d0e0f | $BUSYBOX xxd -p
$BUSYBOX dd if=/dev/zero bs=64 count=1 2> /dev/null | $openssl enc -chacha20 -K $(printf '%064d' 0) -iv $(printf '%032d' 0) | $BUSYBOX xxd -p
for n in 2 91 65537 2147483647 1000000007 170141183460469231731687303715884105727 170141183460469231731687303715884105725; do
  $openssl prime $n
done
$openssl prime -hex FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF
$openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt pass:secret -kdfopt salt:salt -kdfopt iter:1000 PBKDF2
$openssl kdf -keylen 32 -kdfopt pass:secret -kdfopt salt:salt -kdfopt n:64 -kdfopt r:8 -kdfopt p:1 SCRYPT
# With fixed keys the signatures are fixed: RSA by PKCS #1 v1.5, Ed25519 and Ed448 always
for kind in rsa ed25519 ed448 ec; do
  $BUSYBOX head -c 1000 data > message
  case $kind in
    ed*) $openssl pkeyutl -sign -inkey $kind.pem -rawin -in message -out signature ;;
    *) $openssl dgst -sha256 -sign $kind.pem -out signature message ;;
  esac
  if [ $kind != ec ]; then echo "$kind: $($openssl dgst -sha256 -r < signature)"; fi
  $openssl pkey -in $kind.pem -pubout -out public.pem
  case $kind in
    ed*) $openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in message -sigfile signature ;;
    *) $openssl dgst -sha256 -verify public.pem -signature signature message ;;
  esac
  $openssl pkey -in $kind.pem -check -noout
done
# New keys of its own: only whether they serve
for make in 'RSA -pkeyopt rsa_keygen_bits:1024' 'EC -pkeyopt ec_paramgen_curve:P-256' 'EC -pkeyopt ec_paramgen_curve:secp521r1' X25519; do
  $openssl genpkey -algorithm $make -out new.pem 2> /dev/null && $openssl pkey -in new.pem -check -noout
done
$openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out new.pem 2> /dev/null
$openssl dgst -sha512 -sign new.pem -out signature message && $openssl pkey -in new.pem -pubout -out public.pem
$openssl dgst -sha512 -verify public.pem -signature signature message
# Its benchmark, for a second each: only that it runs, as figures differ
for algorithm in sha256 aes-128-cbc ghash rsa512; do
  $openssl speed -seconds 1 -bytes 1024 $algorithm > speed 2>&1 && echo "speed $algorithm: done"
done
