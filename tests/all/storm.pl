#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The storm of storm.t: storm.pl MOVES SEED, with SPOOL, DIR and PROGRAMS in the environment and the sources `properties`, `items`, `blocked` defined. It starts and ends the daemon itself, many
# times, drops jobs, moves their files about, and then lets everything settle. Prints figures as lines "# ...", and a line "KIND: DETAIL" for whatever is not as it should be.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Fcntl qw(S_ISREG);
use JSON::PP;
use POSIX qw(:sys_wait_h strftime);
use Time::HiRes qw(lstat time usleep utime);

local $| = 1;
my ($moves, $seed) = @ARGV;
my ($spool, $dir, $programs) = @ENV{qw(SPOOL DIR PROGRAMS)};
my $jobs = "$spool/jobs";
my @places = qw(pending processing processed deferred hold failed cancelled);
my @shelves = qw(pending ready processing processed failed);
my %legal; # by the place that the journal names: where a hand may put a job
$legal{$_} = {map { $_ => 1 } qw(pending hold cancelled)} for qw(pending processing deferred hold failed cancelled);
$legal{processed} = {};
my @to = map { my ($place, $share) = @$_; ($place) x $share }
    [pending => 30], [hold => 15], [cancelled => 12], [processing => 11], [processed => 11], [failed => 11], [deferred => 10];
my (%job, @ids, %waiting, %count, @wrong, %illegal, %named, %reported);
my ($drops, $daemon, @commands, $log) = (0, undef);
srand $seed;
umask 007;

sub wrong { my ($kind, $detail) = @_; push @wrong, "$kind: $detail" if ++$reported{$kind} <= 20 }
sub chance { my ($percent) = @_; return rand(100) < $percent }
sub one_of { return $_[rand @_] }

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return;
    local $/;
    return scalar <$in>;
}

sub names { my ($path) = @_; opendir my $in, $path or die "$path: $!\n"; return sort grep { !/^\.\.?$/ } readdir $in }

sub write_file {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}

sub wait_for {
    my ($seconds, $test) = @_;
    my $end = time + $seconds;
    until ($test->()) {
        return 0 if time > $end;
        usleep 20000;
    }
    return 1;
}

# --- journals -----------------------------------------------------------------------------------------------------------

my %place_of = (accepted => 'pending', claimed => 'processing', completed => 'processed', deferred => 'deferred', held => 'hold', cancelled => 'cancelled');

# What is new in a job's journal is folded in.
sub follow {
    my ($id) = @_;
    my $j = $job{$id};
    open my $in, '<', "$spool/journal/$id.ndjson" or return;
    seek $in, $j->{offset}, 0;
    while (my $line = <$in>) {
        last unless $line =~ /\n\z/;
        $j->{offset} += length $line;
        chomp $line;
        $j->{lines}++;
        wrong('chain', "$id, line $j->{lines}") unless $line =~ /^\{"v":1,"seq":$j->{lines},"prev":"$j->{hash}"/;
        $j->{hash} = sha256_hex($line);
        my $e = decode_json($line);
        push @{$j->{events}}, $e;
        my $event = $e->{event};
        @$j{qw(accepted source)} = (1, $e->{source}) if $event eq 'accepted';
        my $place = $event eq 'requeued' ? $e->{to} // 'pending' : ($event eq 'failed' || $event eq 'rejected') && !defined $e->{batch} ? 'failed' : $place_of{$event};
        if ($place) {
            @$j{qw(place reason)} = ($place, $e->{reason} // '') unless $event eq 'requeued' && ($e->{reason} // '') eq 'put_back' && $place eq ($j->{place} // '');
        }
    }
}

sub known { my ($id) = @_; $job{$id} = {offset => 0, lines => 0, hash => '0' x 64, events => []}; push @ids, $id }

# Ids of what was dropped.
sub find_ids {
    for my $name (names("$spool/journal")) {
        my ($id, $slug) = $name =~ /^(\d{8}T\d{6}Z-[0-9a-f]{12}-(.+))\.ndjson$/ or next;
        next if $job{$id};
        known($id);
        $job{$id}{slug} = $slug;
        $job{$id}{$_} = $waiting{$slug}{$_} for keys %{$waiting{$slug} // {}};
    }
}

sub lies_in { my ($id) = @_; return grep { -f "$jobs/$_/$id.json" } @places }
sub live { my ($place) = @_; return $place =~ /^(?:pending|processing|deferred|hold)$/ }

# How many second files of a job were set aside.
sub doubles {
    my ($id) = @_;
    my $j = $job{$id};
    $j->{doubles}++ while -e "$jobs/failed/$id.dup-" . (($j->{doubles} //= 0) + 1) . '.json';
    return $j->{doubles};
}

# --- the daemon ---------------------------------------------------------------------------------------------------------

my @starts; # when, as in journals
sub started { my $text = slurp("$dir/storm.log") // ''; return scalar(() = $text =~ /batchspoold runs/g) }

sub up {
    return if $daemon;
    my $before = started();
    push @starts, strftime('%Y-%m-%dT%H:%M:%S', gmtime) . sprintf '.%06dZ', 1e6 * (time - int time);
    $daemon = fork // die "fork: $!\n";
    if (!$daemon) {
        open STDOUT, '>>', "$dir/storm.log";
        open STDERR, '>&', \*STDOUT;
        exec "$programs/batchspoold", '--foreground' or POSIX::_exit(127);
    }
    wait_for(60, sub { started() > $before }) or wrong('daemon', 'it does not start');
    $count{starts}++;
}

sub down {
    my ($signal) = @_;
    return unless $daemon;
    kill $signal, $daemon;
    my $ended = wait_for(30, sub { waitpid($daemon, WNOHANG) == $daemon });
    my $status = $?;
    if (!$ended) {
        wrong('daemon', 'SIGTERM does not end it within 30 s');
        kill 'KILL', $daemon;
        waitpid $daemon, 0;
    } elsif ($signal eq 'TERM' && $status) {
        wrong('daemon', "ended with $status at SIGTERM");
    }
    $count{$signal}++;
    undef $daemon;
}

sub watch_daemon {
    return unless $daemon && waitpid($daemon, WNOHANG) == $daemon;
    wrong('daemon', "it ended by itself with $?");
    undef $daemon;
    up();
}

# More events than inotify keeps, while it can not read them.
sub overflow {
    my ($most) = slurp('/proc/sys/fs/inotify/max_queued_events') =~ /(\d+)/;
    return unless $daemon;
    kill 'STOP', $daemon;
    write_file("$jobs/hold/.ball", '');
    for (1 .. $most / 4 + 100) {
        rename "$jobs/hold/.ball", "$jobs/failed/.ball";
        rename "$jobs/failed/.ball", "$jobs/hold/.ball";
    }
    unlink "$jobs/hold/.ball";
    $count{overflows}++;
    move() for 1 .. 50;
    kill 'CONT', $daemon;
}

END { kill 'KILL', $daemon, @commands if $daemon || @commands }

# --- what a person does -------------------------------------------------------------------------------------------------

my $range = 0; # each metered job has records of its own
sub drop {
    my $n = ++$drops;
    my $slug = sprintf 's%05d', $n;
    my $kind = one_of(qw(properties properties properties items items items auto later blocked));
    my %text = (priority => one_of(qw(low normal normal high urgent)));
    if ($kind eq 'properties') {
        my $records = 20 * int(1 + rand 8);
        %text = (%text, source => $kind, criteria => [{name => 'Count', value => [$records]}, {name => 'Offset', value => [$range]}], process => one_of(qw(manual auto)));
        $waiting{$slug} = {base => $range, records => $records};
        $range += $records;
    } else {
        %text = (%text, source => $kind eq 'blocked' ? $kind : 'items', count => 100 + $n, process => $kind eq 'auto' ? 'auto' : 'manual');
        $text{not_before} = '2099-01-01T00:00:00Z' if $kind eq 'later';
    }
    $waiting{$slug}{kind} = $kind;
    write_file("$jobs/tmp/$slug.json", encode_json(\%text));
    rename "$jobs/tmp/$slug.json", "$jobs/pending/$slug.json" or wrong('drop', "$slug: $!");
}

# The last thing that a hand did to a job: what it must find in the journal, if nothing else comes in between. `before` is what the journal said just before it.
sub did {
    my ($id, $from, $to, $before) = @_;
    delete $illegal{$id};
    return if !$before->{place} || $to eq $before->{place} || $legal{$before->{place}}{$to};
    $count{illegal}++;
    $illegal{$id} = {%$before, from => $from, to => $to};
}

sub before {
    my ($id) = @_;
    follow($id);
    return {place => $job{$id}{place}, doubles => doubles($id), seen => scalar @{$job{$id}{events}}};
}

sub move_job {
    my ($id) = @_;
    my $before = before($id);
    my ($from) = lies_in($id) or return 0;
    my $to = one_of(@to);
    return 0 if $from eq $to || !rename("$jobs/$from/$id.json", "$jobs/$to/$id.json");
    did($id, $from, $to, $before);
    return 1;
}

sub rename_job {
    my ($id) = @_;
    my ($from) = lies_in($id) or return 0;
    return 0 unless live($from); # what has ended does not come back
    my $to = one_of(@places);
    my $name = one_of('.hidden-%d', 'r%d.txt', 'r%d.json');
    $name = sprintf $name, ++$count{renamed};
    # Under another name in pending/ it is a new job, which may buy the same once more; in the last three it would rest.
    return 0 if $name =~ /json$/ && (($job{$id}{kind} // 'properties') eq 'properties' || $to =~ /^(?:failed|hold|cancelled)$/);
    rename "$jobs/$from/$id.json", "$jobs/$to/$name" or return 0;
    $job{$id}{removed} = 1;
    delete $illegal{$id};
    $named{"$to/$name"} = 1;
    return 1;
}

sub copy_job {
    my ($id) = @_;
    my ($from) = lies_in($id) or return 0;
    my $to = one_of(grep { $_ ne $from } @places);
    my $text = slurp("$jobs/$from/$id.json") // return 0;
    my $before = before($id);
    write_file("$jobs/tmp/$id.copy", $text);
    rename "$jobs/tmp/$id.copy", "$jobs/$to/$id.json" or return 0;
    $count{copies}++;
    $illegal{$id} = {%$before, copy => 1, from => $from, to => $to};
    return 1;
}

sub remove_job {
    my ($id) = @_;
    my ($from) = lies_in($id) or return 0;
    return 0 unless live($from);
    unlink "$jobs/$from/$id.json" or return 0;
    $job{$id}{removed} = 1;
    delete $illegal{$id};
    $count{removed}++;
    return 1;
}

sub edit_job {
    my ($id) = @_;
    my ($from) = lies_in($id) or return 0;
    my $text = eval { decode_json(slurp("$jobs/$from/$id.json") // '') } or return 0;
    my $new;
    if (chance(15)) {
        $new = '{"source": "items", "count": }';
    } elsif (($text->{source} // '') ne 'properties' && chance(30)) {
        $text->{count} = 50 + int rand 500;
        $new = encode_json($text);
    } else {
        $text->{priority} = one_of(qw(low normal high urgent));
        $new = encode_json($text);
    }
    if (chance(50)) {
        write_file("$jobs/tmp/$id.edit", $new);
        rename "$jobs/tmp/$id.edit", "$jobs/$from/$id.json" or return 0;
    } else {
        sysopen my $out, "$jobs/$from/$id.json", POSIX::O_WRONLY() | POSIX::O_TRUNC() or return 0;
        syswrite $out, $new;
        close $out;
    }
    $job{$id}{edited} = 1;
    delete $illegal{$id};
    $count{edits}++;
    return 1;
}

sub touch_job {
    my ($id) = @_;
    my $at = time + one_of(-100, -1, 1, 2, 3600, 86400);
    utime $at, $at, "$jobs/deferred/$id.json" and $count{touched}++;
    return 0;
}

sub move_note {
    my ($id) = @_;
    my ($from) = grep { -f "$jobs/$_/$id.why" } @places or return 0;
    return unlink "$jobs/$from/$id.why" if chance(50);
    return rename "$jobs/$from/$id.why", "$jobs/" . one_of(@places) . "/$id.why";
}

sub move_marker {
    my $from = one_of(@shelves);
    my @names = grep { /\.json$/ } names("$spool/payloads/$from") or return 0;
    my $name = one_of(@names);
    $count{markers}++;
    return rename "$spool/payloads/$from/$name", "$spool/payloads/" . one_of(@shelves) . "/$name";
}

# Something that counts as one move.
sub move {
    for (1 .. 100) {
        my $id = one_of(@ids);
        follow($id);
        next if ($job{$id}{place} // '') eq 'processed' && chance(80); # those that still run are hit more often
        my $what = rand 100;
        my $done = $what < 82 ? move_job($id) : $what < 88 ? move_marker() : $what < 90 ? copy_job($id) : $what < 91.5 ? remove_job($id)
            : $what < 94 ? edit_job($id) : $what < 96 ? move_note($id) : $what < 98 ? touch_job($id) : rename_job($id);
        next unless $done;
        $count{moves}++;
        return;
    }
}

sub command {
    @commands = grep { waitpid($_, WNOHANG) == 0 } @commands;
    return if @commands > 3;
    my $id = one_of(@ids);
    my @act = @{one_of(['hold', $id], ['cancel', $id], ['release', $id], ['retry', $id], ['priority', one_of(qw(low high urgent)), $id], ['process'])};
    delete $illegal{$id};
    $count{commands}++;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>>', "$dir/commands.log";
        open STDERR, '>&', \*STDOUT;
        exec "$programs/batchspool", @act or POSIX::_exit(127);
    }
    push @commands, $pid;
}

# --- what must be found -------------------------------------------------------------------------------------------------

# A job's file lies in the one place that its journal names; one that was taken away after its end does not come back.
sub agrees {
    my ($id) = @_;
    follow($id);
    my $j = $job{$id};
    my @in = lies_in($id);
    return 1 if !@in && $j->{removed} && !($j->{accepted} && live($j->{place}));
    return @in == 1 && $in[0] eq $j->{place};
}

sub explained {
    my ($id) = @_;
    my $i = $illegal{$id};
    return 1 if doubles($id) > $i->{doubles}; # it was the copy that was moved
    return 0 if $i->{copy};
    my @since = @{$job{$id}{events}}[$i->{seen} .. $#{$job{$id}{events}}];
    # A command that was begun before may have come after the move, and followed it.
    return grep { ($_->{reason} // '') eq 'put_back' || ($_->{by} // '') =~ /^(?:mv|command line)$/ || ($place_of{$_->{event}} // $_->{to} // '') eq $i->{to} } @since;
}

# Once everything was looked at, each move that nobody overtook must have been put right, and told of.
sub barrier {
    up();
    $count{barriers}++;
    find_ids();
    waitpid $_, 0 for @commands;
    @commands = ();
    my @left = grep { $job{$_}{place} || follow($_) || 1 } @ids;
    wait_for(60, sub { @left = grep { !agrees($_) || $illegal{$_} && !explained($_) } @left; watch_daemon(); !@left });
    for my $id (@left) {
        my $i = $illegal{$id};
        my @events = @{$job{$id}{events}};
        my $last = join ', ', map { join ' ', grep { defined } @$_{qw(event from to reason by)} } @events > 4 ? @events[-4 .. -1] : @events;
        wrong('not-settled', "$id lies in (@{[lies_in($id)]}), journal says " . ($job{$id}{place} // 'nothing') . ", last: $last") unless agrees($id);
        wrong('unexplained', "$id: $i->{from} -> $i->{to}, journal said $i->{place}, then: $last") if $i && !explained($id);
    }
    $count{explained} += keys %illegal;
    %illegal = ();
}

sub run { my (@command) = @_; my $out = qx{@{[join ' ', map { quotemeta } @command]} 2>&1}; return ($? >> 8, $out) }

# A payload that a hand put anywhere is loaded once it lies in ready/.
sub bring_payloads {
    for my $shelf (qw(pending processed failed processing)) {
        for my $name (names("$spool/payloads/$shelf")) {
            my ($id, $batch) = $name =~ /^(.*)_batch(\d+)\.json$/ or next;
            next unless $job{$id};
            follow($id);
            next if grep { $_->{event} eq 'loaded' && $_->{batch} == $batch } @{$job{$id}{events}};
            rename "$spool/payloads/$shelf/$name", "$spool/payloads/ready/$name";
        }
    }
}

# Everything is released until nothing changes any more.
sub settle {
    up();
    my $end = time + 300;
    my %tried;
    while (time < $end) {
        find_ids();
        follow($_) for @ids;
        my @open = grep { my $j = $job{$_}; $j->{place} && agrees($_) && lies_in($_) && $j->{place} =~ /^(?:hold|deferred|cancelled|failed)$/ && ($tried{$_}{$j->{reason} . $j->{place}} // 0) < 4 } @ids;
        @open = grep { $job{$_}{kind} && $job{$_}{kind} ne 'blocked' } @open;
        for my $id (@open) {
            my $j = $job{$id};
            $tried{$id}{$j->{reason} . $j->{place}}++;
            my ($code) = run("$programs/batchspool", 'release', '--accept-charge', $id);
            run("$programs/batchspool", $j->{place} eq 'hold' ? 'release' : 'retry', $id) if $code;
        }
        bring_payloads();
        my @busy = @ids;
        wait_for(60, sub { @busy = grep { my $j = $job{$_}; !agrees($_) || $j->{place} =~ /^p(?:ending|rocessing)$/ && ($j->{source} // '') ne 'blocked' } @busy; !@busy })
            or wrong('unfinished', "after a minute @busy[0 .. ($#busy > 3 ? 3 : $#busy)]");
        last unless @open;
    }
}

sub check_jobs {
    for my $id (@ids) {
        my $j = $job{$id};
        my @in = lies_in($id);
        my $kind = $j->{kind} // 'foreign';
        wrong('place', "$id lies in (@in), its journal says $j->{place}") unless agrees($id);
        $count{"ended in $j->{place}"}++;
        next if $j->{place} eq 'processed' || $kind eq 'blocked' || $kind eq 'foreign' || !@in || $j->{edited};
        wrong('unfinished', "$id ($kind) ended in $j->{place} ($j->{reason})");
    }
    my %slugs;
    $slugs{$job{$_}{slug}}++ for @ids;
    for my $n (1 .. $drops) {
        my $slug = sprintf 's%05d', $n;
        wrong('lost', "the drop $slug has no journal") unless $slugs{$slug};
        wrong('twice', "the drop $slug became $slugs{$slug} jobs") if ($slugs{$slug} // 0) > 1;
    }
}

sub check_pages {
    my ($charges) = @_;
    my %may;
    for my $id (@ids) {
        my $j = $job{$id};
        my (%captured, %loaded, %asked, %doubt);
        for my $e (@{$j->{events}}) {
            my $b = $e->{batch};
            if ($e->{event} eq 'captured' && !$captured{$b}++) {
                my $body = slurp("$spool/payloads/raw/$e->{file}");
                wrong('payload', "$id: $e->{file} is " . (defined $body ? 'another' : 'lost')) unless defined $body && sha256_hex($body) eq $e->{sha256};
            } elsif ($e->{event} eq 'captured') {
                wrong('captured', "$id: batch $b twice");
            } elsif ($e->{event} eq 'loaded') {
                $loaded{$b}++;
            } elsif ($e->{event} eq 'requested') {
                wrong('in-flight', "$id: batch $b was asked for (attempt $e->{attempt}) before the outcome of the request before was known")
                    if $asked{$b} && !grep { $_ gt $asked{$b} && $_ lt $e->{ts} } @starts;
                wrong('captured', "$id: batch $b was asked for after it was captured") if $captured{$b};
                $asked{$b} = $e->{ts};
                if ($e->{paid}) {
                    my $first = $j->{base} + $e->{offset};
                    $may{$_}{$id} //= 1 for $first .. $first + $e->{limit} - 1;
                    $doubt{$b}{records} = [$first .. $first + $e->{limit} - 1];
                }
            } elsif ($e->{event} eq 'charge_unknown') {
                $doubt{$b}{open} = 1;
            } elsif ($e->{event} eq 'released' && ($e->{decision} // '') eq 'accept_charge') {
                for my $page (defined $b ? $doubt{$b} : values %doubt) {
                    next unless delete $page->{open};
                    $may{$_}{$id}++ for @{$page->{records}};
                }
            }
            delete $asked{$b} if defined $b && $e->{event} =~ /^(?:answered|captured|retrying|failed|charge_unknown)$/;
            %asked = () if $e->{event} eq 'claimed' || $e->{event} eq 'requeued' || $e->{event} eq 'held' || $e->{event} eq 'cancelled';
        }
        $count{captured} += keys %captured;
        for my $b (keys %captured) {
            wrong('loaded', "$id: batch $b " . ($loaded{$b} // 0) . ' times') unless ($loaded{$b} // 0) == 1;
        }
        next unless defined $j->{base} && $j->{place} eq 'processed';
        for my $record ($j->{base} .. $j->{base} + $j->{records} - 1) {
            wrong('charge', "$id is complete, but its record $record was never sold") unless $charges->{$record};
        }
    }
    for my $record (sort { $a <=> $b } keys %$charges) {
        my $most = 0;
        $most += $_ for values %{$may{$record} // {}};
        wrong('charge', "record $record was sold $charges->{$record} times, $most were asked for or released (@{[keys %{$may{$record} // {}}]})") if $charges->{$record} > $most;
    }
}

# Names that are no job's are told of in the log.
sub check_names {
    my $text = slurp("$dir/storm.log");
    my ($strange) = (0);
    for my $name (sort keys %named) {
        next if $name =~ m{/\.} || $name =~ /\.json$/ || !-e "$jobs/$name";
        $strange++;
        wrong('name', "no word of $name in the log") unless $text =~ /jobs\/\Q$name\E: /;
    }
    $count{'strange names'} = $strange;
    for my $line (grep { /^\S+ error / } split /\n/, $text) {
        wrong('log', $line);
    }
}

# --- the storm ----------------------------------------------------------------------------------------------------------

my $start = time;
my $stretch = $moves < 20000 ? $moves / 8 : 2500;
up();
drop() for 1 .. 120;
wait_for(30, sub { find_ids(); @ids >= 100 }) or die "the first drops are not accepted\n";
while (($count{moves} // 0) < $moves) {
    my $event = rand;
    my $until = $count{moves} + int($stretch * (0.5 + rand)) if defined $count{moves} || ($count{moves} = 0) || 1;
    while ($count{moves} < $until && $count{moves} < $moves) {
        move();
        usleep int rand 600 if chance(70);
        drop(), find_ids() if chance(0.7);
        command() if chance(2);
        watch_daemon();
    }
    if ($event < 0.35) {
        down('KILL');
        move() for 1 .. rand 200;
        up();
    } elsif ($event < 0.6) {
        down('TERM');
        move() for 1 .. rand 600;
        up();
    } elsif ($event < 0.85) {
        overflow();
    }
    barrier() if chance(60);
}
my $took = time - $start;
printf "# %d moves in %.1f s (%.0f a second): %s\n", $count{moves}, $took, $count{moves} / $took, join ', ', map { "$_ $count{$_}" } sort keys %count;
overflow() unless $count{overflows};
barrier();
$start = time;
settle();
run("$programs/batchspool", 'process') for 1 .. 2;
bring_payloads();
run("$programs/batchspool", 'process');
find_ids();
follow($_) for @ids;
my %charges = map { /^P([0-9A-F]{8}) (\d+)$/ ? (hex $1, $2) : () } split /\n/, qx{curl -s $ENV{API_URL}/_charges};
check_jobs();
check_pages(\%charges);
check_names();
my $differences = qx{\Q$programs\E/batchspool verify 2>/dev/null};
my $code = $? >> 8;
wrong('verify', "it ended with $code") if $code && $code != 65;
for my $line ($code ? split /\n/, $differences : ()) {
    # A file that was taken away after its job had ended is missed by verify, as it must be.
    wrong('verify', $line) unless $line =~ m{^job-missing jobs/\w+/(.*)\.json} && $job{$1}{removed};
}
my $overlap = decode_json(qx{curl -s $ENV{API_URL}/_stats})->{same_in_flight};
wrong('in-flight', "$overlap paid requests came while the same page was being sold") if $overlap;
down('TERM');
printf "# settled and checked in %.1f s: %s\n", time - $start, join ', ', map { "$_ $count{$_}" } sort keys %count;
print "$_\n" for @wrong;
