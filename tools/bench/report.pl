#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Shows what bench.pl measured.
#   report.pl RESULT-FILE [MARKDOWN]     on the terminal; and in the Markdown file the text between the lines `<!-- figures -->` and `<!-- /figures -->`
use strict;
use warnings;
use JSON::PP;

my ($result_file, $markdown) = @ARGV;

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

sub figure { my ($value) = @_; return sprintf $value >= 100 ? '%.0f' : $value >= 10 ? '%.1f' : $value >= 1 ? '%.2f' : '%.3f', $value }

sub spread { my ($of) = @_; return $of->{min} == $of->{max} ? '' : figure($of->{min}) . ' to ' . figure($of->{max}) }

my $result = decode_json(slurp($result_file));
my @head = ('What', 'Ours', 'Peer', 'Ratio', 'Smallest to largest', 'Wanted', 'Met');
my @table = map {
    my $row = $_;
    [$row->{name}, figure($row->{ours}{median}) . " $row->{unit}", $row->{peer} ? figure($row->{peer}{median}) . " $row->{unit} ($row->{peer_name})" : '',
        $row->{ratio} ? figure($row->{ratio}{median}) : '', spread($row->{ratio} // $row->{ours}), $row->{wanted} . ($row->{peer} ? '' : " $row->{unit}"),
        $row->{met} ? 'yes' : 'NO']
} @{$result->{rows}};
my @more = map {
    my $row = $_;
    map { "$row->{name}: $_ " . figure($row->{more}{$_}{median}) . " $row->{unit} (" . spread($row->{more}{$_}) . ')' } sort keys %{$row->{more} // {}}
} @{$result->{rows}};
my $m = $result->{machine};
my @machine = (
    "Measured on $result->{date} at commit $result->{commit} in $result->{took_s} s. Everything else used $result->{others_cpu_percent} % of the CPU meanwhile" . ($result->{others_cpu_percent} > 10 ? ': noisy.' : '.'),
    "$m->{cores} cores ($m->{cpu}), $m->{memory_gib} GiB, Linux $m->{kernel}, $m->{directory} is $m->{file_system}.",
    "$m->{cc}; curl $m->{curl}, $m->{jq}, sqlite3 $m->{sqlite3}, Node $m->{node} with better-sqlite3 $m->{better_sqlite3}.",
);

my @width = map { my $column = $_; (sort { $b <=> $a } map { length $_->[$column] } \@head, @table)[0] } 0 .. $#head;
print "\n";
print map { my $line = $_; join('  ', map { sprintf '%-*s', $width[$_], $line->[$_] } 0 .. $#head) =~ s/ +$//r . "\n" } \@head, @table;
print "\n", map { "$_\n" } @more, @machine;
my @missed = map { $_->{name} } grep { !$_->{met} } @{$result->{rows}};
print "\n", @missed ? 'Not met: ' . join('; ', @missed) . "\n" : "All are met.\n";

exit unless $markdown;
my @lines = map { '| ' . join(' | ', @$_) . " |\n" } \@head, [map { '---' } @head], @table;
my $figures = join '', @lines, "\n", (map { "- $_\n" } @more), "\n", map { "$_\n" } @machine;
my $text = slurp($markdown);
$text =~ s/(<!-- figures -->\n).*?(<!-- \/figures -->)/$1$figures$2/s or die "$markdown: no place for the figures\n";
open my $out, '>', $markdown or die "$markdown: $!\n";
print $out $text;
close $out or die "$markdown: $!\n";
