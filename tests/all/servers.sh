# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the tests against servers that others wrote: getting and starting them, and the definitions that are shipped for them. Needs tests/lib.sh.
# They ask nobody for newer versions of themselves.
export NO_UPDATE_NOTIFIER=1
# shellcheck disable=SC2034
WAIT_S=60

bail() {
    echo "Bail out! $1"
    exit 1
}

# npm_install DIRECTORY: what its lock file names, into $DIR/server. Needs a registry, or npm's cache.
npm_install() {
    mkdir "$DIR/server"
    cp "$1/package.json" "$1/package-lock.json" "$DIR/server/"
    (cd "$DIR/server" && npm ci --omit=dev --ignore-scripts --prefer-offline --no-audit --no-fund --no-update-notifier) >"$DIR/npm.log" 2>&1 || bail "npm ci: $(tail -n 3 "$DIR/npm.log")"
}

# results_of COMMAND...: its lines `ok NAME` and `not ok NAME` are results. It ends with 3 when some are bad; any other end but 0 is a bad result.
results_of() {
    local line
    while IFS= read -r line; do
        case $line in
        'ok '*) result 0 "${line#ok }" ;;
        'not ok '*) result 1 "${line#not ok }" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done < <("$@" 2>&1 || { status=$?; [ $status = 3 ] || echo "not ok it runs to its end: exit code $status: $*"; })
}

# debian_program PACKAGE NAME: the machine's, else unpacked from its package below $DIR, where it starts no service; sets PROGRAM.
debian_program() {
    PROGRAM=$(PATH=$PATH:/usr/sbin command -v "$2") && return
    [ -n "$(apt-cache dumpavail 2>/dev/null | head -c 1)" ] || apt-get update >"$DIR/apt.log" 2>&1
    mkdir "$DIR/$1"
    (cd "$DIR/$1" && apt-get download -q "$1" && dpkg -x ./*.deb .) >"$DIR/apt.log" 2>&1 || bail "apt-get download $1: $(tail -n 3 "$DIR/apt.log")"
    PROGRAM=$(find "$DIR/$1/usr" -type f -path "*bin/$2")
}

# Another program may take it before the server does.
free_port() {
    perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

# port_in FILE REGULAR-EXPRESSION: waits until the server has written which port it took, the first group; prints it.
port_in() {
    wait_for 30 grep -qE "$2" "$1" && sed -nE "s|.*$2.*|\1|p" "$1" | head -n 1
}

# shipped NAME ADDRESS URL [JQ [AS]]: the definition in etc/sources/ for a server that is elsewhere; changed by a jq filter, under another name.
shipped() {
    local file=$ROOT/etc/sources/$1.json as=${5:-$1}
    result "$(($(grep -cF "$2" "$file") == 0))" "the shipped definition of $1 has its address"
    sed "s|$2|$3|" "$file" >"$DIR/source"
    [ -z "${4-}" ] || { sed -i '/^ *\/\//d' "$DIR/source" && jq --arg name "$as" "$4 | .name = \$name" "$DIR/source" >"$DIR/changed" && mv "$DIR/changed" "$DIR/source"; }
    mv "$DIR/source" "$DIR/etc/sources/$as.json"
}

# raw_files [ID]: of a job, in the order of its pages
raw_files() {
    jq -r --arg raw "$SPOOL/payloads/raw/" 'select(.event == "captured") | "\(.batch)\t\($raw)\(.file)"' "$SPOOL/journal/${1:-$ID}.ndjson" | sort -n | cut -f2
}

# nginx_limit ADDRESS KEY RATE LOG PATH [HTTP [LOCATION]]: Debian's nginx before ADDRESS (host:port), which lets RATE through of each KEY (a variable of nginx) and answers 429 to the rest; sets
# `port`. $DIR/nginx.log has a line LOG of each request; it is up when PATH is answered; more directives of its http and location blocks.
nginx_limit() {
    debian_program nginx nginx
    nginx_try "$@" || nginx_try "$@" || bail "nginx does not start: $(tail -n 3 "$DIR/nginx.error" "$DIR/nginx.out")"
}
nginx_try() {
    port=$(free_port)
    cat >"$DIR/nginx.conf" <<END
daemon off;
master_process off;
pid $DIR/nginx.pid;
error_log $DIR/nginx.error;
events {}
http {
    client_body_temp_path $DIR/nginx;
    proxy_temp_path $DIR/nginx;
    fastcgi_temp_path $DIR/nginx;
    uwsgi_temp_path $DIR/nginx;
    scgi_temp_path $DIR/nginx;
    log_format short '$4';
    access_log $DIR/nginx.log short;
    limit_req_zone $2 zone=all:1m rate=$3;
    limit_req_status 429;
    ${6-}
    server {
        listen 127.0.0.1:$port;
        limit_req zone=all;
        location / {
            ${7-}
            proxy_pass http://$1;
        }
    }
}
END
    "$PROGRAM" -c "$DIR/nginx.conf" -p "$DIR" >"$DIR/nginx.out" 2>&1 </dev/null &
    BACKGROUND+=($!)
    wait_for 10 curl -s -o "$DIR/out" "http://127.0.0.1:$port$5"
}
