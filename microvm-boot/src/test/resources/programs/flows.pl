# Many flows, one after the other. Arguments: a host; a port of its at which anything written is answered by the end of the
# connection, and how many connections; a port at which datagrams are echoed, and how many. Says how many were as they should.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;

my ($host, $tcp, $connections, $udp, $datagrams) = @ARGV;
my $wait = 60;    # seconds

my $answered = 0;
for my $i (1 .. $connections) {
    my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $tcp, Proto => 'tcp') or die "connection $i: $@";
    print $socket "connection $i\n";
    $socket->flush;
    my $answer = <$socket>;
    $answered++ if defined $answer && $answer eq "connection $i\n" && !defined <$socket>;
}

my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $udp, Proto => 'udp') or die "datagrams: $@";
my $echoed = 0;
for my $i (1 .. $datagrams) {
    my $sent = "datagram $i " x ($i % 150 + 1);    # the longest go in two fragments
    $socket->send($sent);
    last if !IO::Select->new($socket)->can_read($wait);
    $socket->recv(my $answer, 65535);
    $echoed++ if $answer eq $sent;
}
print "answered $answered, echoed $echoed\n";
