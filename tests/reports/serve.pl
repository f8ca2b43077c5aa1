#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The files of a directory as JSON by HTTP on loopback, one connection at a time: serve.pl DIR PORT-FILE
use strict;
use warnings;
use IO::Socket::INET;

my ($dir, $port_file) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16, ReuseAddr => 1) or die "listen: $!\n";
open my $out, '>', "$port_file.tmp" or die "$port_file: $!\n";
print $out $listener->sockport, "\n";
close $out or die;
rename "$port_file.tmp", $port_file or die;
while (my $client = $listener->accept) {
    my $request = <$client> // next;
    while (defined(my $line = <$client>)) {
        last if $line !~ /\S/;
    }
    my ($name) = $request =~ m{^GET /([a-z0-9-]+\.json)[ ?]};
    my ($status, $body) = ('404 Not Found', '{"error":"no such page"}');
    if (defined $name && open my $in, '<:raw', "$dir/$name") {
        local $/;
        ($status, $body) = ('200 OK', scalar <$in>);
    }
    print $client "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: ", length $body, "\r\nConnection: close\r\n\r\n", $body;
    close $client;
}
