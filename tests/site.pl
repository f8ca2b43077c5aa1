#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A web site on loopback (or ADDRESS) for tests of sitemaps: the files of a directory, one connection at a time. site.pl DIR PORT-FILE [ADDRESS]
#   DIR/<path>            the body, "/" as "index"; a path that ends with .gz is sent as it lies there
#   DIR/<path>.head       in place of 200: status line and header fields, "301 Moved\nLocation: /x"; PORT in it stands for the port
#   DIR/<path>.slow       the connection is kept and nothing said until the file is gone
# "PORT" in bodies that are not compressed stands for the port. DIR/.log has the path of each request.
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes;

my ($dir, $port_file, $address) = @ARGV;
my $parent = getppid;
my $listener = IO::Socket::INET->new(LocalAddr => $address // '127.0.0.1', Listen => 16, ReuseAddr => 1) or die "listen: $!\n";
my $port = $listener->sockport;
sub slurp { open my $in, '<:raw', $_[0] or return; local $/; return scalar <$in> }
open my $out, '>', "$port_file.tmp" or die "$port_file: $!\n";
print $out "$port\n";
close $out or die;
rename "$port_file.tmp", $port_file or die;
$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'IGNORE';
while (my $client = $listener->accept) {
    my $request = <$client> // next;
    while (defined(my $line = <$client>)) {
        last if $line !~ /\S/;
    }
    my ($path) = $request =~ m{^GET /([^ ?]*)};
    open my $log, '>>', "$dir/.log" or die;
    print $log '/', $path // '?', "\n";
    close $log;
    $path = 'index' if !defined $path || $path eq '' || $path =~ /\.\./;
    if (-e "$dir/$path.slow") {
        next if fork;
        Time::HiRes::sleep(0.05) while -e "$dir/$path.slow" && kill 0, $parent;
        exit;
    }
    my $body = slurp("$dir/$path");
    my $head = slurp("$dir/$path.head") // (defined $body ? '200 OK' : '404 Not Found');
    $body //= '';
    $body =~ s/PORT/$port/g if $path !~ /\.gz$/;
    $head =~ s/PORT/$port/g;
    chomp $head;
    $head =~ s/\n/\r\n/g;
    print $client "HTTP/1.1 $head\r\nContent-Length: ", length $body, "\r\nConnection: close\r\n\r\n", $body;
    close $client;
}
