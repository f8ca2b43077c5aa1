// SPDX-License-Identifier: Apache-2.0
#include "net/sitemap.h"

#include "base/clock.h"
#include "base/fields.h"
#include "base/strset.h"
#include "net/fetch.h"
#include "net/robots.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#define CONNECT_MS 10000
#define FILE_MS 60000
#define PAUSE_MOST_S 30
#define SITES_MOST 4u /* the host that was asked for, and where it led */

struct file {
    char *url;
    unsigned depth;
};

struct sitemap {
    const struct sitemap_options *options;
    const struct sitemap_told *told;
    struct sitemap_counts *counts;
    struct loop *loop;
    struct fetcher *fetcher;
    struct url_list *list;
    struct strset seen; /* URLs of files */
    struct file *files;
    size_t file_count, at;
    char sites[SITES_MOST][256], index_site[256];
    size_t site_count;
    int64_t end_ms;
    char now[URL_LIST_URL_MOST]; /* the file that is read, after redirects */
    bool enough;
    enum rc rc; /* of a callback */
    struct err err;
    /* the answer under way */
    bool answered, stopped;
    bool reached; /* some answer came */
    struct loop_fd stop;
    int status;
    int64_t retry_after_s;
    char reason[32], error[256], location[URL_LIST_URL_MOST];
    struct buf body;
};

/* --- hosts ---------------------------------------------------------------------------------------------------------------- */

/* Without "www.". "": not to be read. */
static void site_of(const char *url, char out[256]) {
    char *host = NULL;
    CURLU *parsed = curl_url();
    *out = '\0';
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        !str_copy(out, 256, strncasecmp(host, "www.", 4) == 0 ? host + 4 : host))
        *out = '\0';
    curl_free(host);
    curl_url_cleanup(parsed);
}

static bool is_of_site(const struct sitemap *s, const char *url) {
    char site[256];
    site_of(url, site);
    for (size_t i = 0; i < s->site_count; i++)
        if (strcasecmp(site, s->sites[i]) == 0)
            return true;
    return false;
}

static void add_site(struct sitemap *s, const char *url) {
    if (s->site_count < SITES_MOST && !is_of_site(s, url))
        site_of(url, s->sites[s->site_count++]);
}

/* --- one request ---------------------------------------------------------------------------------------------------------- */

static void on_answer(void *context, const struct fetch_answer *answer) {
    struct sitemap *s = context;
    const char *location = fields_get(answer->fields, "location");
    s->answered = true;
    s->status = answer->complete ? answer->status : 0;
    s->reached = s->reached || answer->sent;
    s->retry_after_s = answer->retry_after_s;
    str_copy(s->reason, sizeof s->reason, answer->reason);
    str_copy(s->error, sizeof s->error, answer->error);
    if (!location || !str_copy(s->location, sizeof s->location, location))
        *s->location = '\0';
    buf_reset(&s->body);
    if (answer->complete && answer->status == 200 && buf_add(&s->body, answer->body, (size_t)answer->body_bytes))
        s->rc = err_set(&s->err, RC_TEMP, "out of memory");
}

static void on_stop(struct loop_fd *watch, uint32_t events) {
    struct sitemap *s = HEAP_ENTRY(watch, struct sitemap, stop);
    (void)events;
    s->stopped = true;
}

static int64_t left_ms(const struct sitemap *s) {
    const int64_t left = s->end_ms - clock_mono_ms();
    return left > 0 ? left : 0;
}

static enum rc too_late(const struct sitemap *s, const char *url, struct err *err) {
    return err_set(err, RC_AGAIN, "%s: not read within %lld s, all sitemaps together (%zu before it)", url, (long long)(s->options->timeout_ms / 1000),
                   s->counts->files);
}

static enum rc request(struct sitemap *s, const char *url, struct err *err) {
    static const char *const wanted[] = {"location", NULL};
    static char accept[] = "Accept: application/xml, text/xml, text/plain, */*;q=0.5";
    char *headers[] = {accept, NULL};
    const int64_t left = left_ms(s);
    const struct fetch_request request = {.method = "GET",
                                          .url = url,
                                          .headers = headers,
                                          .timeout_ms = left < FILE_MS ? left + 1 : FILE_MS,
                                          .connect_timeout_ms = CONNECT_MS,
                                          .max_body_bytes = SITEMAP_FILE_BYTES_MOST,
                                          .allow_http = true,
                                          .public_only = !s->options->private_hosts,
                                          .wanted = wanted,
                                          .body_fd = -1};
    struct fetch *fetch;
    s->answered = false;
    enum rc rc = fetch_start(s->fetcher, &request, on_answer, s, &fetch, err);
    while (!rc && !s->answered && !s->stopped && (rc = loop_turn(s->loop, -1, err)) == RC_OK)
        ;
    if (!rc && s->answered)
        return s->rc ? err_set(err, s->rc, "%s", s->err.text) : RC_OK;
    if (rc != RC_OK && rc != RC_FATAL)
        return err_prefix(err, rc, "%s", url);
    fetch_cancel(fetch);
    return rc ? rc : err_set(err, RC_CANCELLED, "%s: broken off", url);
}

/* --- one file, with its redirects and in several tries ---------------------------------------------------------------------- */

/* Where the answer leads, in place of url. */
static enum rc follow(struct sitemap *s, char url[URL_LIST_URL_MOST], struct err *err) {
    char *whole = NULL, clean[URL_LIST_URL_MOST];
    struct err why = {0};
    CURLU *parsed = curl_url();
    const bool secure = strncasecmp(url, "https:", 6) == 0;
    const bool good = parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                      curl_url_set(parsed, CURLUPART_URL, s->location, CURLU_URLENCODE | CURLU_DISALLOW_USER) == CURLUE_OK &&
                      curl_url_get(parsed, CURLUPART_URL, &whole, 0) == CURLUE_OK;
    enum rc rc = RC_OK;
    if (!good || url_list_clean(whole, clean, &why))
        rc = err_set(err, RC_PERM, "%s: redirects to what is no URL (\"%.200s\")", url, s->location);
    else if (secure && strncasecmp(whole, "https:", 6) != 0)
        rc = err_set(err, RC_PERM, "%s: redirects from https to http, which is not followed", url);
    else
        str_copy(url, URL_LIST_URL_MOST, whole);
    curl_free(whole);
    curl_url_cleanup(parsed);
    return rc;
}

static bool is_redirect(const struct sitemap *s) {
    return (s->status == 301 || s->status == 302 || s->status == 303 || s->status == 307 || s->status == 308) && *s->location;
}

static bool is_busy(const struct sitemap *s) {
    if (!s->reached)
        return false;
    return s->status == 429 || s->status >= 500 || strcmp(s->reason, "timeout") == 0 || strcmp(s->reason, "reset") == 0 || strcmp(s->reason, "truncated") == 0;
}

/* What an answer means that is neither a file nor a redirect. */
static enum rc judge(const struct sitemap *s, const char *url, struct err *err) {
    if (s->status == 429 || s->status >= 500)
        return err_set(err, RC_AGAIN, "%s: the server answers %d", url, s->status);
    if (s->status)
        return err_set(err, s->status >= 400 ? RC_GONE : RC_PERM, "%s: the server answers %d", url, s->status);
    if (strcmp(s->reason, "too_large") == 0)
        return err_set(err, RC_PERM, "%s: has more than %u MiB, which is more than a sitemap may have", url, SITEMAP_FILE_BYTES_MOST >> 20);
    if (strcmp(s->reason, "private") == 0)
        return err_set(err, RC_PERM, "%s", s->error);
    return err_set(err, strcmp(s->reason, "resolve") == 0 ? RC_GONE : strcmp(s->reason, "tls") == 0 ? RC_PERM : RC_AGAIN, "%s: %s", url, s->error);
}

static enum rc pause_for(struct sitemap *s, int64_t seconds, const char *url, struct err *err) {
    const int64_t until = clock_mono_ms() + seconds * 1000;
    if (until >= s->end_ms)
        return too_late(s, url, err);
    for (int64_t now = clock_mono_ms(); now < until && !s->stopped; now = clock_mono_ms()) {
        const enum rc rc = loop_turn(s->loop, (int)(until - now), err);
        if (rc)
            return rc;
    }
    return s->stopped ? err_set(err, RC_CANCELLED, "%s: broken off", url) : RC_OK;
}

/* Into s->body; url is where it was at last. */
static enum rc get(struct sitemap *s, char url[URL_LIST_URL_MOST], struct err *err) {
    unsigned redirects = 0, tries = 0;
    if (s->told->asked)
        s->told->asked(s->told->context, url);
    for (;;) {
        if (!left_ms(s))
            return too_late(s, url, err);
        enum rc rc = request(s, url, err);
        if (rc)
            return rc;
        if (s->status == 200)
            return RC_OK;
        if (is_redirect(s)) {
            if (redirects++ == SITEMAP_REDIRECTS_MOST)
                return err_set(err, RC_PERM, "%s: more than %u redirects", url, SITEMAP_REDIRECTS_MOST);
            rc = follow(s, url, err);
        } else if (is_busy(s) && ++tries < SITEMAP_TRIES_MOST && s->retry_after_s <= PAUSE_MOST_S)
            rc = pause_for(s, s->retry_after_s > tries ? s->retry_after_s : (int64_t)tries, url, err);
        else
            rc = judge(s, url, err);
        if (rc)
            return rc;
    }
}

/* --- what is told --------------------------------------------------------------------------------------------------------- */

/* The name of its file, without what all have in common. */
static struct slice name_of(const char *url) {
    const char *end = url + strcspn(url, "?#"), *begin = end;
    while (begin > url && begin[-1] != '/')
        begin--;
    static const char *const endings[] = {".gz", ".xml", ".txt"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t length = strlen(endings[i]);
        if ((size_t)(end - begin) > length && strncasecmp(end - length, endings[i], length) == 0)
            end -= length;
    }
    return (struct slice){begin, (size_t)(end - begin)};
}

static void on_url(void *context, size_t line, const char *url, const struct url_list_labels *lastmod) {
    static const char *const names[] = {"sitemap", "lastmod"};
    struct sitemap *s = context;
    const bool dated = lastmod && strcmp(lastmod->names[0], "lastmod") == 0;
    const struct slice values[] = {name_of(s->now), dated ? lastmod->values[0] : (struct slice){"", 0}};
    const struct url_list_labels labels = {.names = names, .values = values, .count = 2};
    if (s->enough)
        return;
    if (!s->options->any_host && !is_of_site(s, url)) {
        s->counts->other_hosts++;
        s->told->other(s->told->context, s->now, line, url);
        return;
    }
    s->counts->urls++;
    s->enough = !s->told->url(s->told->context, s->now, line, url, s->options->labels ? &labels : NULL);
}

static void on_wrong(void *context, size_t line, const char *text, const char *why) {
    struct sitemap *s = context;
    s->counts->wrong++;
    s->told->wrong(s->told->context, s->now, line, text, why);
}

static void add_file(struct sitemap *s, const char *url, unsigned depth) {
    bool fresh = false;
    if (s->rc)
        return;
    if (!strset_keep(&s->seen, url, &fresh))
        s->rc = err_set(&s->err, RC_TEMP, "out of memory");
    else if (fresh && s->file_count == SITEMAP_FILES_MOST)
        s->rc = err_set(&s->err, RC_PERM, "%s: with it there are more than %u sitemaps: name one of them alone", url, SITEMAP_FILES_MOST);
    else if (fresh && !(s->files[s->file_count].url = strdup(url)))
        s->rc = err_set(&s->err, RC_TEMP, "out of memory");
    else if (fresh)
        s->files[s->file_count++].depth = depth;
}

static void on_sitemap(void *context, size_t line, const char *url) {
    struct sitemap *s = context;
    char site[256];
    const unsigned depth = s->files[s->at].depth + 1;
    site_of(url, site);
    if (s->rc)
        return;
    if (depth > SITEMAP_DEPTH_MOST)
        s->rc = err_set(&s->err, RC_PERM, "%s: line %zu: %.500s lies more than %u indices deep", s->now, line, url, SITEMAP_DEPTH_MOST);
    else if (!s->options->any_host && !is_of_site(s, url) && strcasecmp(site, s->index_site) != 0)
        s->rc = err_set(&s->err, RC_PERM, "%s: line %zu: %.500s is a sitemap of another host, which an index may not name", s->now, line, url);
    else
        add_file(s, url, depth);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------ */

static enum rc parse(struct sitemap *s, struct err *err) {
    const char *bytes = buf_text(&s->body);
    size_t length = s->body.length;
    struct url_list_counts counts = {0, 0, 0};
    struct err why = {0};
    enum rc rc = RC_OK;
    if (s->counts->files)
        url_list_next(s->list);
    site_of(s->now, s->index_site);
    while (length && !rc && !s->rc && !s->enough) {
        const size_t piece = length < 65536 ? length : 65536;
        rc = url_list_take(s->list, bytes, piece, &why);
        bytes += piece;
        length -= piece;
    }
    if (!rc && !s->rc && !s->enough)
        rc = url_list_end(s->list, &counts, &why);
    if (!rc && !s->rc && !s->enough)
        s->counts->duplicates = counts.duplicates;
    s->counts->files++;
    if (s->rc)
        return err_set(err, s->rc, "%s", s->err.text);
    return rc ? err_set(err, rc, "%s: %s", s->now, why.text) : RC_OK;
}

static enum rc read_files(struct sitemap *s, struct err *err) {
    enum rc rc = RC_OK;
    for (s->at = 0; s->at < s->file_count && !rc && !s->enough; s->at++) {
        str_copy(s->now, sizeof s->now, s->files[s->at].url);
        rc = get(s, s->now, err);
        /* Where the address that a person named led to is the site, too. */
        if (!rc && s->files[s->at].depth == 0)
            add_site(s, s->now);
        rc = rc ? rc : parse(s, err);
    }
    return rc;
}

static void on_robots(void *context, size_t line, const char *url) {
    (void)line;
    add_file(context, url, 1);
}

/* "example.com", "https://example.com/": no path, no query. */
static bool is_host(const char *url) {
    const char *host = strstr(url, "://");
    return host && host[3 + strcspn(host + 3, "/?")] == '\0';
}

/* Which sitemaps a host has: what its robots.txt says; whatever is wrong with that, it has none, unless the host cannot be reached. */
static enum rc ask_host(struct sitemap *s, const char *host, struct err *err) {
    char url[URL_LIST_URL_MOST];
    if (!str_format(s->now, sizeof s->now, "%s/robots.txt", host) || !str_format(url, sizeof url, "%s/sitemap.xml", host))
        return err_set(err, RC_PERM, "%s: is longer than a URL may be", host);
    enum rc rc = get(s, s->now, err);
    if (rc && (!s->reached || rc == RC_CANCELLED || rc == RC_TEMP || rc == RC_FATAL))
        return rc;
    if (!rc) {
        add_site(s, s->now);
        robots_read(buf_text(&s->body), s->body.length, on_robots, s);
    }
    if (!s->file_count && !s->rc)
        add_file(s, url, 0);
    return s->rc ? err_set(err, s->rc, "%s", s->err.text) : RC_OK;
}

static enum rc start(struct sitemap *s, struct err *err) {
    const struct url_list_told told = {.url = on_url,
                                       .wrong = on_wrong,
                                       .sitemap = on_sitemap,
                                       .context = s,
                                       .public_only = !s->options->private_hosts,
                                       .lastmod = s->options->labels,
                                       .bytes_most = SITEMAP_FILE_BYTES_MOST,
                                       .entries_most = SITEMAP_FILE_ENTRIES_MOST};
    s->files = calloc(SITEMAP_FILES_MOST, sizeof *s->files);
    enum rc rc = s->files ? url_list_new(&told, &s->list, err) : err_set(err, RC_TEMP, "out of memory");
    rc = rc ? rc : loop_new(&s->loop, err);
    rc = rc ? rc : fetcher_new(s->loop, s->options->ca_file, &s->fetcher, err);
    if (!rc && s->options->stop_fd >= 0)
        rc = loop_fd_start(s->loop, &s->stop, s->options->stop_fd, EPOLLIN, on_stop, err);
    return rc == RC_PERM ? RC_TEMP : rc;
}

static void end(struct sitemap *s) {
    fetcher_free(s->fetcher);
    if (s->loop) {
        loop_fd_cancel(s->loop, &s->stop);
        loop_free(s->loop);
    }
    for (size_t i = 0; i < s->file_count; i++)
        free(s->files[i].url);
    free(s->files);
    url_list_free(s->list);
    strset_release(&s->seen);
    buf_release(&s->body);
    free(s);
}

/* Where there is no https, a bare host is another address than was meant. */
static enum rc tell_assumed(const struct sitemap *s, const char *where, const char *url, enum rc rc, struct err *err) {
    char text[sizeof err->text];
    if (s->reached || (rc != RC_AGAIN && strcmp(s->reason, "tls") != 0) || strncasecmp(where, "http://", 7) == 0 || strncasecmp(where, "https://", 8) == 0)
        return rc;
    str_copy(text, sizeof text, err->text);
    return err_set(err, rc, "%s; https:// was assumed: if the site has http alone, name http%.200s", text, url + strlen("https"));
}

enum rc sitemap_read(const char *where, const struct sitemap_options *options, const struct sitemap_told *told, struct sitemap_counts *counts,
                     struct err *err) {
    char url[URL_LIST_URL_MOST], shown[200];
    struct err why = {0};
    *counts = (struct sitemap_counts){.urls = 0};
    enum rc rc = url_list_clean(where, url, &why);
    if (rc == RC_PERM) {
        str_printable(shown, sizeof shown, where, strlen(where));
        return err_set(err, RC_PERM, "\"%s\" %s", shown, why.text);
    }
    if (!rc && !options->private_hosts && url_list_is_private(url))
        return err_set(err, RC_PERM, "%s: " URL_LIST_PRIVATE, url);
    struct sitemap *s = rc ? NULL : calloc(1, sizeof *s);
    if (!s)
        return err_set(err, RC_TEMP, "out of memory");
    *s = (struct sitemap){.options = options, .told = told, .counts = counts, .end_ms = clock_mono_ms() + options->timeout_ms};
    buf_init(&s->body, SITEMAP_FILE_BYTES_MOST);
    rc = start(s, err);
    add_site(s, url);
    if (!rc && is_host(url))
        rc = ask_host(s, url, err);
    else if (!rc)
        add_file(s, url, 0);
    rc = rc ? rc : read_files(s, err);
    rc = rc ? tell_assumed(s, where, url, rc, err) : RC_OK;
    end(s);
    return rc;
}
