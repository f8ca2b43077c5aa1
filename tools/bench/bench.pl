#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Measures batchspool against what it is compared with, in pairs by turns, and writes the figures as JSON (report.pl makes tables of it).
#   bench.pl BUILD-DIRECTORY NPM-DIRECTORY RESULT-FILE [ROW...]
# BENCH_DIR (/var/tmp) is where the spools and databases are made: on a real disk, not in memory. BENCH_ROUNDS multiplies the repeats (1; 0.5 is half of them).
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use IO::Handle;
use JSON::PP;
use POSIX qw(mktime strftime tzset);
use Time::HiRes qw(time sleep);

$ENV{TZ} = 'UTC';
tzset();
umask 007;
delete $ENV{$_} for grep { /^BATCHSPOOL_/ || $_ eq 'CREDENTIALS_DIRECTORY' } keys %ENV;
my ($build, $npm) = map { abs_path($_) } splice @ARGV, 0, 2;
my ($result_file, @chosen) = @ARGV;
my $here = abs_path(__FILE__) =~ s{/[^/]+$}{}r;
my $rounds = $ENV{BENCH_ROUNDS} // 1;
my $root = tempdir('batchspool-bench.XXXXXX', DIR => $ENV{BENCH_DIR} // '/var/tmp');
my ($pages, $page_records) = (250, 400);
my $records = $pages * $page_records;
my %children;
my $ended = $$;

END {
    if ($$ == $ended) {
        my $status = $?;
        stop($_) for keys %children;
        system 'rm', '-rf', $root if $root && !$ENV{BENCH_KEEP};
        $? = $status;
    }
}
$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);

# --- small things -------------------------------------------------------------------------------------------------------

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return;
    local $/;
    return scalar <$in>;
}

sub write_file {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    $out->flush && $out->sync or die "$path: $!\n";
    close $out or die "$path: $!\n";
}

sub repeats { my ($count) = @_; return int($count * $rounds) || 1 }

sub nth { my ($share, @sorted) = @_; return $sorted[int($share * $#sorted + 0.5)] }

# Linear between neighbours, so that the quartiles of few runs are not their ends.
sub quantile {
    my ($share, @sorted) = @_;
    my $at = $share * $#sorted;
    my $low = int $at;
    return $low == $#sorted ? $sorted[$low] : $sorted[$low] + ($at - $low) * ($sorted[$low + 1] - $sorted[$low]);
}

sub spread {
    my @sorted = sort { $a <=> $b } @_;
    my %of = (min => $sorted[0], q1 => quantile(0.25, @sorted), median => quantile(0.5, @sorted), q3 => quantile(0.75, @sorted), max => $sorted[-1]);
    return { map { $_ => 0 + sprintf '%.4g', $of{$_} } keys %of };
}

sub wait_until {
    my ($seconds, $what, $test) = @_;
    my $end = time + $seconds;
    until ($test->()) {
        die "waited $seconds s for $what\n" if time > $end;
        sleep 0.005;
    }
}

# --- processes ----------------------------------------------------------------------------------------------------------

sub start {
    my ($log, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        open STDOUT, '>>', $log;
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    $children{$pid} = 1;
    return $pid;
}

sub stop {
    my ($pid) = @_;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    delete $children{$pid};
}

# Seconds that a command took, and what it printed; it must succeed.
sub timed {
    my ($directory, @command) = @_;
    my $start = time;
    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if ($pid == 0) {
        open STDERR, '>', "$root/stderr";
        chdir $directory;
        exec @command or POSIX::_exit(127);
    }
    my $printed = do { local $/; <$out> };
    close $out or die "@command: ended with $?\n", slurp("$root/stderr");
    return (time - $start, $printed // '');
}

# CPU seconds of a process, and of its children that have ended.
sub cpu {
    my ($pid) = @_;
    my @stat = split ' ', slurp("/proc/$pid/stat") =~ s/^.*\) //sr;
    my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());
    return (($stat[11] + $stat[12]) / $ticks, ($stat[13] + $stat[14]) / $ticks);
}

sub children_of {
    my ($pid) = @_;
    return split ' ', join ' ', map { slurp($_) // '' } glob "/proc/$pid/task/*/children";
}

sub anon_kb {
    my ($pid) = @_;
    return (slurp("/proc/$pid/status") // '') =~ /^RssAnon:\s+(\d+)/m ? $1 : 0;
}

# From now on the highest RssAnon (kB) of a process, alone and with its children, is kept in a file.
sub sample_memory {
    my ($pid, $file) = @_;
    my $sampler = fork // die "fork: $!\n";
    if ($sampler == 0) {
        my ($alone, $all) = (0, 0);
        $SIG{TERM} = sub { write_file($file, "$alone $all\n"); POSIX::_exit(0) };
        while (-e "/proc/$pid") {
            my $own = anon_kb($pid);
            my $sum = $own;
            $sum += anon_kb($_) for children_of($pid);
            $alone = $own if $own > $alone;
            $all = $sum if $sum > $all;
            sleep 0.02;
        }
        POSIX::_exit(0);
    }
    $children{$sampler} = 1;
    return $sampler;
}

# --- servers, daemon and jobs -------------------------------------------------------------------------------------------

sub server {
    my (@command) = @_;
    unlink "$root/port";
    my $pid = start("$root/server.log", @command, "$root/port");
    wait_until(30, $command[0], sub { -s "$root/port" && slurp("$root/port") =~ /\n/ });
    return ($pid, 'http://127.0.0.1:' . (slurp("$root/port") =~ s/\n//r));
}

# Pages of records as a property API has them, made by tools/meteredapi and kept in files named by their offset. Returns the directory and its bytes.
sub make_pages {
    my ($name, $record_bytes) = @_;
    my $directory = "$root/$name";
    mkdir $directory;
    my ($api, $url) = server("$build/tools/meteredapi", '--records', $records, '--record-bytes', $record_bytes, '--port-file');
    timed($directory, 'curl', '-sf', "$url/v1/items?count=$records&limit=$page_records&offset=[0-" . ($records - 1) . ":$page_records]", '-o', '#1.json');
    stop($api);
    my $bytes = 0;
    $bytes += -s for glob "$directory/*.json";
    return ($directory, $bytes);
}

sub source {
    my ($url) = @_;
    return encode_json({
        name => 'items', steps => [{http => {url => $url, params => {count => '${job.count}'}}}],
        paginator => {type => 'offset', limit => $page_records, max_limit => $page_records, limit_param => 'limit', offset_param => 'offset', total_path => '/total'},
        data_selector => '/items', primary_key => '/RadarID', job_members => {count => {type => 'integer', default => $records}},
        concurrency_level => {default_concurrency => 8, max_concurrency => 8}, timeout_s => 60, max_response_bytes => 8388608,
    });
}

# A new spool and its daemon, with the configuration that is shipped.
sub daemon_start {
    my ($url) = @_;
    put_aside("$root/spool", "$root/etc");
    mkdir "$root/$_" for 'etc', 'etc/sources';
    write_file("$root/etc/sources/items.json", source($url));
    write_file("$root/etc/batchspool.json", encode_json({spool => "$root/spool"}));
    $ENV{BATCHSPOOL_CONFIG} = "$root/etc/batchspool.json";
    timed($root, "$build/batchspool", 'init');
    unlink "$root/daemon.log";
    my $pid = start("$root/daemon.log", "$build/batchspoold", '--foreground');
    wait_until(10, 'the daemon', sub { (slurp("$root/daemon.log") // '') =~ /batchspoold runs/ });
    return $pid;
}

# Drop a job and wait until it is processed. Returns the time of the rename and the job's id.
sub drop {
    my ($name, $job) = @_;
    write_file("$root/spool/jobs/tmp/$name.json", encode_json({source => 'items', %$job}));
    my $start = time;
    rename "$root/spool/jobs/tmp/$name.json", "$root/spool/jobs/pending/$name.json" or die "rename: $!\n";
    my $done;
    wait_until(120, "$name to be processed", sub { ($done) = glob "$root/spool/jobs/processed/*-$name.json" });
    return ($start, $done =~ m{([^/]+)\.json$});
}

# Seconds since the epoch of the first event of that name in a job's journal.
sub when {
    my ($id, $event) = @_;
    my $journal = slurp("$root/spool/journal/$id.ndjson");
    $journal =~ /"ts":"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(\.\d+)Z","event":"$event"/ or die "$id has no $event\n";
    return mktime($6, $5, $4, $3, $2 - 1, $1 - 1900) + $7;
}

# What was written before shall not be paid by what is measured now.
sub settle { put_aside(glob "$root/peer*"); system 'sync' }

# What a round leaves is removed when its row is done: an ext4 without a journal does not use an inode again for minutes after its file was deleted, and looks at each such
# inode whenever a file is made, so that whoever comes next would pay for it.
my $aside = 0;
sub put_aside {
    mkdir "$root/aside";
    for my $path (grep { -e } @_) {
        rename $path, "$root/aside/" . $aside++ or die "rename $path: $!\n";
    }
}

# --- rows ---------------------------------------------------------------------------------------------------------------

my @rows;

# A row from lists of figures, pair by pair. What is wanted is wanted of the ratio's median, without a peer of ours; `faster`: the ratio says how many times less time ours takes.
sub row {
    my (%row) = @_;
    my ($ours, $peer) = delete @row{qw(ours_runs peer_runs)};
    $row{ours} = spread(@$ours);
    $row{runs} = @$ours;
    if ($peer) {
        $row{peer} = spread(@$peer);
        $row{ratio} = spread(map { $row{faster} ? $peer->[$_] / $ours->[$_] : $ours->[$_] / $peer->[$_] } 0 .. $#$ours);
    }
    delete $row{faster};
    my ($sign, $bound) = split ' ', $row{wanted};
    my $value = $row{ratio} ? $row{ratio}{median} : $row{ours}{median};
    $row{met} = ($sign eq '>=' ? $value >= $bound : $value <= $bound) ? JSON::PP::true : JSON::PP::false;
    push @rows, \%row;
    printf "%s: %s (wanted %s)\n", $row{name}, $value, $row{wanted};
    STDOUT->flush;
}

sub bench_capture {
    my ($directory, $bytes) = make_pages('pages-512k', 1309);
    my ($server, $url) = server("$build/bench/pageserver", $directory);
    my (@ours, @bare, @plain);
    for (1 .. repeats(15)) {
        settle();
        my ($seconds) = timed($root, 'curl', '-sf', "$url/items?offset=[0-" . ($records - 1) . ":$page_records]", '-o', '/dev/null');
        push @plain, $bytes / $seconds / 1e6;
        my $daemon = daemon_start("$url/items");
        settle();
        my ($start, $id) = drop('capture', {process => 'manual'});
        push @ours, $bytes / (when($id, 'completed') - when($id, 'claimed')) / 1e6;
        stop($daemon);
        settle();
        mkdir "$root/peer";
        my (undef, $printed) = timed($root, "$build/bench/barewriter", 4, $directory, "$root/peer");
        push @bare, $bytes / $printed / 1e6;
    }
    stop($server);
    row(name => 'capture', unit => 'MB/s', peer_name => 'bare durable writer, 4 threads', wanted => '>= 0.7', ours_runs => \@ours, peer_runs => \@bare,
        bytes => $bytes, more => {'the server by itself' => spread(@plain)});
}

my (@cpu, @loader_cpu, @anon, @anon_all, @node_rss);

# The whole job once; its seconds from drop to completed.
sub whole_job {
    my ($url) = @_;
    my $daemon = daemon_start($url);
    settle();
    my $sampler = sample_memory($daemon, "$root/memory");
    my ($own_before, $children_before) = cpu($daemon);
    my ($start, $id) = drop('whole', {process => 'auto'});
    my $seconds = when($id, 'completed') - $start;
    wait_until(10, 'the loader to end', sub { !children_of($daemon) });
    my ($own, $children) = cpu($daemon);
    stop($sampler);
    my ($alone, $all) = split ' ', slurp("$root/memory");
    push @cpu, 1000 * ($own - $own_before) / $pages;
    push @loader_cpu, 1000 * ($children - $children_before) / $pages;
    push @anon, $alone / 1024;
    push @anon_all, $all / 1024;
    stop($daemon);
    my (undef, $exported) = timed($root, 'sh', '-c', "'$build/batchspool' export --job $id | wc -l");
    die "the spool has $exported records\n" if $exported != $records;
    return $seconds;
}

sub peer_job {
    my ($url, @command) = @_;
    settle();
    mkdir "$root/peer";
    my ($seconds, $printed) = timed($npm, @command, $url, $records, $page_records, "$root/peer/db");
    my (undef, $count) = timed($root, 'sqlite3', "$root/peer/db", 'SELECT count(*) FROM records');
    die "@command: the database has $count records\n" if $count != $records;
    return ($seconds, $printed);
}

sub bench_whole {
    my ($directory, $bytes) = make_pages('pages', 1200);
    my ($server, $url) = server("$build/bench/pageserver", $directory);
    my @peers = (
        {name => 'whole job, shell loop', peer_name => 'curl + jq + sqlite3 for each page', wanted => '>= 6', runs => 3, command => ["$here/peer-loop.sh"]},
        {name => 'whole job, shell once', peer_name => 'curl, jq, sqlite3 once each', wanted => '>= 3', runs => 7, command => ["$here/peer-once.sh"]},
        {name => 'whole job, Node', peer_name => 'Node + better-sqlite3', wanted => '>= 1.3', runs => 11, command => ['node', "$here/peer-node.mjs"]},
    );
    for my $peer (@peers) {
        my (@ours, @theirs);
        for (1 .. repeats($peer->{runs})) {
            push @ours, whole_job("$url/items");
            my ($seconds, $printed) = peer_job("$url/items", @{$peer->{command}});
            push @theirs, $seconds;
            push @node_rss, $printed / 1024 if $peer->{name} =~ /Node/;
        }
        row(name => $peer->{name}, unit => 's', peer_name => $peer->{peer_name}, wanted => $peer->{wanted}, faster => 1, bytes => $bytes,
            ours_runs => \@ours, peer_runs => \@theirs);
    }
    stop($server);
    row(name => 'CPU of the daemon a page', unit => 'ms', wanted => '<= 10', ours_runs => \@cpu, more => {'its loaders' => spread(@loader_cpu)});
    # The last runs are those that alternated with Node.
    @$_ = splice @$_, -@node_rss for \@anon, \@anon_all;
    row(name => 'memory of daemon and loader', unit => 'MiB', peer_name => 'RSS of Node', wanted => '<= 0.333', ours_runs => \@anon_all, peer_runs => \@node_rss,
        more => {'the daemon alone' => spread(@anon)});
}

sub bench_latency {
    my ($api, $url) = server("$build/tools/meteredapi", '--records', 10, '--port-file');
    my $daemon = daemon_start("$url/v1/items");
    settle();
    my (@accepted, @claimed);
    for my $number (1 .. repeats(300)) {
        my ($start, $id) = drop("drop-$number", {count => 1, process => 'manual'});
        push @accepted, 1000 * (when($id, 'accepted') - $start);
        push @claimed, 1000 * (when($id, 'claimed') - $start);
    }
    stop($daemon);
    stop($api);
    my @sorted = sort { $a <=> $b } @claimed;
    row(name => 'drop to claimed, p50', unit => 'ms', wanted => '<= 1', ours_runs => \@claimed, more => {'drop to accepted' => spread(@accepted)});
    row(name => 'drop to claimed, p99', unit => 'ms', wanted => '<= 20', ours_runs => [nth(0.99, @sorted)], drops => scalar @claimed);
}

# --- the machine --------------------------------------------------------------------------------------------------------

sub first_line { my (undef, $printed) = timed($root, 'sh', '-c', "$_[0] 2>/dev/null | head -n 1"); chomp $printed; return $printed }

# An ext4 without a journal syncs cheaper than one with it.
sub file_system {
    my ($type, $device) = split ' ', first_line("df --output=fstype,source '$root' | tail -n 1");
    my $name = $device =~ s{.*/}{}r;
    my @journals = glob "/proc/fs/jbd2/$name-*";
    return "$type on $device" . ($type eq 'ext4' && !@journals ? ', without a journal' : '');
}

# CPU seconds that everything else on the machine has used, the kernel's own threads among it.
sub others {
    my (undef, $user, $nice, $system, undef, undef, $irq, $softirq, $steal) = split ' ', slurp('/proc/stat');
    my ($own_user, $own_system, $children_user, $children_system) = times;
    return ($user + $nice + $system + $irq + $softirq + $steal) / POSIX::sysconf(POSIX::_SC_CLK_TCK()) - $own_user - $own_system - $children_user - $children_system;
}

sub machine {
    my ($model) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my ($memory) = slurp('/proc/meminfo') =~ /^MemTotal:\s+(\d+)/m;
    return {
        cores => 0 + first_line('nproc'), cpu => $model // '?', memory_gib => 0 + sprintf('%.1f', $memory / 2**20), kernel => first_line('uname -r'),
        file_system => file_system(), directory => $root =~ s{/[^/]+$}{}r,
        node => first_line('node --version'), sqlite3 => first_line("sqlite3 --version | cut -d' ' -f1"), jq => first_line('jq --version'),
        curl => first_line("curl --version | cut -d' ' -f2"), cc => first_line('cc --version'),
        better_sqlite3 => decode_json(slurp("$npm/node_modules/better-sqlite3/package.json"))->{version},
    };
}

my $started = time;
my $others = others();
my %benches = (capture => \&bench_capture, whole => \&bench_whole, latency => \&bench_latency);
for (@chosen ? @chosen : qw(latency capture whole)) {
    $benches{$_}->();
    put_aside(glob "$root/peer* $root/spool $root/etc");
    system 'rm', '-rf', "$root/aside";
}
my $result = {
    date => strftime('%Y-%m-%d', gmtime $started),
    commit => first_line("git --no-optional-locks -C '$here' describe --always --dirty") || '?', took_s => int(time - $started),
    others_cpu_percent => 0 + sprintf('%.0f', 100 * (others() - $others) / (time - $started) / first_line('nproc')), machine => machine(), rows => \@rows,
};
write_file($result_file, JSON::PP->new->canonical->pretty->encode($result));
