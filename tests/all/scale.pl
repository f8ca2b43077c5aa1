#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What scale.t measures with:
#   rss PID FILE          the highest RssAnon (kB) of a process until it ends, kept in FILE
#   tenths JOURNAL        median time (ms) of a page in the first and the last tenth of the pages, and their ratio
#   files DIR COUNT       criteria files for the source `limited`
#   flood N SPOOL DIR     moves those to pending/, N urgent drops spread among them: seconds that the move took, and the longest from drop to claim
#   drops N SPOOL...      N urgent drops, by turns into each spool, each when the one before is done: for each spool p50 and p99 (ms) of drop to claim;
#                         PRIORITY in the environment: another one
use strict;
use warnings;
use POSIX qw(mktime tzset);
use Time::HiRes qw(time usleep);

local $| = 1;
$ENV{TZ} = 'UTC';
tzset();
my ($what, @args) = @ARGV;
my %commands = (rss => \&rss, tenths => \&tenths, files => \&files, flood => \&flood, drops => \&drops);
$commands{$what}->(@args);

sub write_file {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}

sub rss {
    my ($pid, $file) = @_;
    my $most = 0;
    while (open my $in, '<', "/proc/$pid/status") {
        my ($now) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$in>;
        last unless defined $now;
        if ($now > $most) {
            $most = $now;
            write_file("$file.new", "$most\n");
            rename "$file.new", $file;
        }
        usleep 20000;
    }
}

# Seconds since the epoch of the first such event in a journal; undef: there is none yet.
sub when {
    my ($journal, $event) = @_;
    open my $in, '<', $journal or return;
    while (<$in>) {
        return mktime(int $6, $5, $4, $3, $2 - 1, $1 - 1900) + $6 - int $6 if /"ts":"(\d+)-(\d+)-(\d+)T(\d+):(\d+):([\d.]+)Z","event":"$event"/;
    }
    return;
}

sub nth { my ($share, @sorted) = @_; return $sorted[int $share * $#sorted] }

sub tenths {
    my ($journal) = @_;
    my @times;
    open my $in, '<', $journal or die "$journal: $!\n";
    while (<$in>) {
        push @times, $1 * 3600 + $2 * 60 + $3 if /"ts":"[^T]*T(\d+):(\d+):([\d.]+)Z","event":"captured"/;
    }
    my @pages = map { ($times[$_] - $times[$_ - 1]) * 1000 } 1 .. $#times;
    my $tenth = int @pages / 10;
    my ($first, $last) = map { nth(0.5, sort { $a <=> $b } @$_) } [@pages[0 .. $tenth - 1]], [@pages[-$tenth .. -1]];
    printf "%.2f %.2f %.2f\n", $first, $last, $last / $first;
}

sub files {
    my ($dir, $count) = @_;
    mkdir $dir;
    write_file(sprintf('%s/flood-%06d.json', $dir, $_), sprintf '{"source": "limited", "count": %d}', 1 + $_ % 40) for 1 .. $count;
}

# Lays an urgent file ready in tmp/.
sub urgent {
    my ($spool, $name) = @_;
    my $priority = $ENV{PRIORITY} // 'urgent';
    write_file("$spool/jobs/tmp/$name.json", qq({"source": "items", "count": 10, "priority": "$priority", "name": "$name"}));
}

# Moves it to pending/; the time of it.
sub drop {
    my ($spool, $name) = @_;
    my $now = time;
    rename "$spool/jobs/tmp/$name.json", "$spool/jobs/pending/$name.json" or die "$name: $!\n";
    return $now;
}

# When it was claimed, once it is done; undef: not yet.
sub claimed {
    my ($spool, $name) = @_;
    opendir my $dir, "$spool/jobs/processed" or die "$spool: $!\n";
    my ($done) = grep { /-\Q$name\E\.json$/ } readdir $dir or return;
    $done =~ s/\.json$/.ndjson/;
    return when("$spool/journal/$done", 'claimed');
}

sub wait_claimed {
    my ($spool, $name) = @_;
    my ($end, $at) = (time + 120);
    until ($at = claimed($spool, $name)) {
        die "$name was never done\n" if time > $end;
        usleep 1000;
    }
    return $at;
}

sub flood {
    my ($count, $spool, $dir) = @_;
    opendir my $in, $dir or die "$dir: $!\n";
    my @names = sort grep { /\.json$/ } readdir $in;
    my ($every, $start, $most, %dropped) = (int(@names / $count), time, 0);
    urgent($spool, "rush-$_") for 1 .. $count;
    for my $i (1 .. @names) {
        rename "$dir/$names[$i - 1]", "$spool/jobs/pending/$names[$i - 1]" or die "$names[$i - 1]: $!\n";
        $dropped{"rush-" . $i / $every} = drop($spool, "rush-" . $i / $every) if $i % $every == 0 && $i / $every <= $count;
    }
    my $moved = time - $start;
    for my $name (keys %dropped) {
        my $waited = wait_claimed($spool, $name) - $dropped{$name};
        $most = $waited if $waited > $most;
    }
    printf "%.2f %.2f\n", $moved, $most;
}

sub drops {
    my ($count, @spools) = @_;
    my @waited;
    for my $n (1 .. $count) {
        for my $i (0 .. $#spools) {
            my $name = "one-$$-$n";
            urgent($spools[$i], $name);
            my $dropped = drop($spools[$i], $name);
            push @{$waited[$i]}, (wait_claimed($spools[$i], $name) - $dropped) * 1000;
        }
    }
    for my $each (@waited) {
        my @sorted = sort { $a <=> $b } @$each;
        printf "%.2f %.2f ", nth(0.5, @sorted), nth(0.99, @sorted);
    }
    print "\n";
}
