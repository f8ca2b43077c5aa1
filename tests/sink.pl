#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A mail server and a web server on loopback for the tests of notices: each message that was taken, and each request, is a file below DIR.
#   sink.pl DIR        writes DIR/smtp-port and DIR/http-port; ends with its standard input, or by a signal
#   DIR/mail/N         a message as it came, with "envelope: FROM -> TO" on the line before
#   DIR/http/N         a request: method and path, headers, an empty line, body
#   DIR/smtp-mode      what the mail server says, by command: "RCPT 550 5.1.1 nobody here", "END 451 later", "END hang-up" (it took the message and says nothing), or empty
#   DIR/http-mode      the status line and headers of answers, e.g. "500 Oops" or "429 Slow down\nRetry-After: 2"; empty: 200
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my $parent = $$;
my $dir = shift or die "usage: sink.pl DIR\n";
mkdir "$dir/$_" for qw(mail http);
$SIG{CHLD} = 'IGNORE';
$| = 1;

sub slurp { open my $f, '<', $_[0] or return ''; local $/; my $text = <$f> // ''; return $text }
sub keep {
    my ($kind, $text) = @_;
    my $name = sprintf '%.6f-%d', Time::HiRes::time(), $$;
    open my $f, '>', "$dir/.$kind-$name" or die;
    print $f $text;
    close $f;
    rename "$dir/.$kind-$name", "$dir/$kind/$name";
}
use Time::HiRes;

sub smtp {
    my $c = shift;
    my %say = map { /^(\S+) (.*)/ ? ($1 => $2) : () } split /\n/, slurp("$dir/smtp-mode");
    my ($from, $to) = ('', '');
    if (my $no = $say{CONNECT}) { print $c "$no\r\n"; return }
    print $c "220 sink\r\n";
    while (defined(my $line = <$c>)) {
        $line =~ s/\r?\n$//;
        my ($verb) = uc($line) =~ /^(\w+)/;
        $verb //= '';
        if ($verb eq 'EHLO') { print $c $say{AUTH} ? "250-sink\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n" : "250-sink\r\n250 8BITMIME\r\n"; next }
        if ($verb eq 'QUIT') { print $c "221 bye\r\n"; return }
        $from = $1 if $line =~ /^MAIL FROM:(\S+)/i;
        $to = $1 if $line =~ /^RCPT TO:(\S+)/i;
        if ($say{$verb}) { print $c "$say{$verb}\r\n"; next }
        if ($verb ne 'DATA') { print $c "250 ok\r\n"; next }
        print $c "354 go ahead\r\n";
        my $text = '';
        while (defined(my $l = <$c>)) { last if $l =~ /^\.\r?\n$/; $l =~ s/^\.\././; $text .= $l }
        my $verdict = $say{END} // '250 taken';
        keep('mail', "envelope: $from -> $to\n$text") if $verdict !~ /^[45]/;
        return if $verdict eq 'hang-up';
        if ($verdict =~ /^wait (\S+)/) { Time::HiRes::sleep(0.02) until -e $1 || getppid() != $parent; $verdict = '250 taken at last' }
        print $c "$verdict\r\n";
    }
}

sub http {
    my $c = shift;
    my $head = '';
    while (defined(my $l = <$c>)) { last if $l =~ /^\r?\n$/; $head .= $l }
    my $body = '';
    if ($head =~ /^content-length: *(\d+)/im) { read $c, $body, $1 }
    keep('http', "$head\n$body");
    my $mode = slurp("$dir/http-mode");
    $mode = "200 OK\n" if $mode !~ /\S/;
    $mode =~ s/\n*$/\n/;
    $mode =~ s/\n/\r\n/g;
    print $c "HTTP/1.1 ${mode}Content-Length: 3\r\nConnection: close\r\n\r\nok\n";
}

my %listen;
for my $kind (qw(smtp http)) {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => slurp("$dir/$kind-port") || 0, Listen => 64, ReuseAddr => 1) or die "$kind: $!\n";
    $listen{$s} = $kind;
    open my $f, '>', "$dir/$kind-port.new" or die;
    print $f $s->sockport;
    close $f;
    rename "$dir/$kind-port.new", "$dir/$kind-port";
    $listen{"$s-socket"} = $s;
}
open my $up, ">", "$dir/up" or die; close $up;
my $select = IO::Select->new(grep { ref } values %listen);
while (my @ready = $select->can_read) {
    for my $s (@ready) {
        my $c = $s->accept or next;
        if (fork() == 0) {
            binmode $c;
            $c->autoflush(1);
            $listen{$s} eq 'smtp' ? smtp($c) : http($c);
            close $c;
            exit 0;
        }
        close $c;
    }
}
