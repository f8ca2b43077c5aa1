// SPDX-License-Identifier: Apache-2.0
/* A list of web addresses as people paste it, cleaned and checked. No DOM here; tests/web/urllist.test.mjs runs it. */

export const URLS_MAX = 10000;
export const LIST_BYTES_MAX = 4 << 20;
const URL_CHARACTERS_MAX = 2048;

/* Addresses of a line: blanks, semicolons and commas part them; a comma inside an address stays where no blank or address follows it. */
function partsOf(line) {
    return line.split(/[\s;]+|,(?=\s|$|https?:\/\/)/i).map((part) => part.replace(/^[<("'[]+|[>)"'\],]+$/g, '')).filter(Boolean);
}

/* Hosts of this machine and of private networks, as the server has them (net/public_host.c); tests/private-hosts.txt holds both to the same. host: as URL has it. */
const NETS = [['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24],
    ['192.0.2.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 3]];
const numberOf = (text) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

function isPrivate4(address) {
    return NETS.some(([net, bits]) => Math.floor(address / 2 ** (32 - bits)) === Math.floor(numberOf(net) / 2 ** (32 - bits)));
}
function isPrivate6(text) {
    const [head, tail] = text.split('::').map((half) => half.split(':').filter(Boolean).map((word) => parseInt(word, 16)));
    const words = tail ? [...head, ...Array(8 - head.length - tail.length).fill(0), ...tail] : head;
    const begins = (...first) => first.every((word, i) => words[i] === word);
    if (begins(0, 0, 0, 0, 0, 0xffff) || begins(0x64, 0xff9b, 0, 0, 0, 0))
        return isPrivate4(words[6] * 65536 + words[7]);
    if (begins(0x2002))
        return isPrivate4(words[1] * 65536 + words[2]);
    return words[0] >> 13 !== 1 || (begins(0x2001) && words[1] < 0x200) || begins(0x2001, 0xdb8) || (begins(0x3fff) && words[1] < 0x1000);
}
function isPrivate(host) {
    if (host.startsWith('['))
        return isPrivate6(host.slice(1, -1));
    return /^[\d.]+$/.test(host) ? isPrivate4(numberOf(host)) : /(^|\.)localhost\.?$|\.(local|internal|home\.arpa)\.?$/.test(host);
}

/* -> {url} or {why} */
export function cleanUrl(text, publicOnly = false) {
    if (text.length > URL_CHARACTERS_MAX)
        return {why: `longer than ${URL_CHARACTERS_MAX} characters`};
    const scheme = /^([a-z][a-z0-9+.-]*):(?!\d)/i.exec(text)?.[1]?.toLowerCase();
    if (scheme && scheme !== 'http' && scheme !== 'https')
        return {why: `${scheme}: is not a web page`};
    if (scheme && !/^https?:\/\/[^/]/i.test(text))
        return {why: 'no host after the scheme'};
    let url;
    try {
        url = new URL(scheme ? text : `https://${text.replace(/^\/\//, "")}`);
    } catch {
        return {why: 'not a web address'};
    }
    if (url.username || url.password)
        return {why: 'has a name or password in it'};
    const isNumber = /^\[.*\]$/.test(url.hostname) || (/^\d+(\.\d+){3}$/.test(url.hostname) && text.includes(url.hostname));
    if (!isNumber && url.hostname !== 'localhost' && (/^[\d.]+$/.test(url.hostname) || !/^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]\.?$/.test(url.hostname)))
        return {why: url.hostname.includes('.') ? "not a host's name" : "no dot in the host's name"};
    if (/[\u0000-\u0020\u007f\u202a-\u202e\u2066-\u2069]/.test(text))
        return {why: 'has characters that cannot be seen'};
    if (publicOnly && isPrivate(url.hostname))
        return {why: 'of this machine or of a private network'};
    const path = url.search || url.hash ? url.pathname.replace(/^\/$/, '') : url.pathname.replace(/\/+$/, '');
    return {url: `${url.protocol}//${url.host}${path}${url.search}${url.hash}`};
}

/* -> {urls: [text], bad: [{line, text, why}], duplicates: [{line, url, first}], changed, cut, lines}. A line that begins with # is a remark; lines: how many are none and not empty; cut: addresses beyond the most. */
export function cleanUrls(text, publicOnly = false) {
    const first = new Map(), beyond = new Set(), bad = [], duplicates = [];
    let changed = 0, lines = 0;
    for (const [at, line] of text.split(/\r\n|\r|\n/).entries()) {
        if (/^\s*#/.test(line))
            continue;
        lines += line.trim() !== '';
        const parts = partsOf(line), results = parts.map((part) => cleanUrl(part, publicOnly));
        if (parts.length > 1 && results.every((cleaned) => cleaned.why)) { /* a sentence: told once */
            bad.push({line: at + 1, text: line.trim().slice(0, 200), why: 'no web address in this line'});
            continue;
        }
        for (const [i, part] of parts.entries()) {
            const cleaned = results[i];
            if (cleaned.why)
                bad.push({line: at + 1, text: part.length > 200 ? `${part.slice(0, 199)}…` : part, why: cleaned.why});
            else if (first.has(cleaned.url))
                duplicates.push({line: at + 1, url: cleaned.url, first: first.get(cleaned.url)});
            else if (first.size >= URLS_MAX)
                beyond.add(cleaned.url);
            else {
                first.set(cleaned.url, at + 1);
                changed += cleaned.url !== part;
            }
        }
    }
    return {urls: [...first.keys()], bad, duplicates, changed, cut: beyond.size, lines};
}

/* Of what came from files and sitemaps, what is not all in the list: [{name, here, total, more}]. sources: [{name, urls, total, rest, more, wrong, lines}]: the Set of cleaned addresses that the server told of,
 * how many it found, how many of them it did not tell of, whether there are more than it counted; how many lines are wrong, of how many. What a person took out of the list is not missed. */
export function notAllIn(sources, {urls, cut}) {
    const listed = new Set(urls);
    return sources.map((source) => ({...source, here: [...source.urls].filter((url) => listed.has(url)).length}))
        .filter(({here, urls: told, rest, more}) => here > 0 && (more || rest > 0 || cut > 0 && here < told.size))
        .map(({name, here, total, more}) => ({name, here, total, more: Boolean(more)}));
}

/* What somebody should know before a list is tested without what is wrong in it, or without what did not fit: texts. */
export function remarks({urls, bad, duplicates, cut, lines}, sources) {
    const count = (value) => value.toLocaleString('en-US'), are = (n) => n === 1 ? 'is' : 'are';
    const entries = urls.length + bad.length + duplicates.length + cut, byLine = new Set(bad.map((one) => one.line)).size === bad.length && entries <= lines;
    const all = byLine ? lines : entries;
    return [
        ...sources.filter((source) => source.wrong > 0 && urls.some((url) => source.urls.has(url))).map(({name, wrong, lines: of}) => `${count(wrong)} of ${count(of)} lines of ${name} ${are(wrong)} wrong and left out.`),
        ...bad.length ? [`${count(bad.length)} of ${count(all)} ${byLine ? all === 1 ? 'line' : 'lines' : 'addresses'} ${are(bad.length)} wrong and will be left out.`] : [],
        ...partsIn(sources, {urls, cut}).map((part) => `Only ${part} are in the list: the rest will not be tested.`),
    ];
}
/* What did not fit, which is told for as long as it is so. */
export function partsIn(sources, {urls, cut}) {
    const count = (value) => value.toLocaleString('en-US');
    const parts = notAllIn(sources, {urls, cut}).map(({name, here, total, more}) => `${count(here)} of ${more ? 'more than ' : ''}${count(total)} URLs of ${name}`);
    return parts.length || !cut ? parts : [`${count(urls.length)} of ${count(urls.length + cut)} URLs`];
}

export function testCount(urls, strategies) {
    return urls.length * strategies.length;
}
