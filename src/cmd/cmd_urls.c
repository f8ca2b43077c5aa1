// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_urls.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/sources.h"
#include "net/sitemap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SAID_MOST 20u
#define PIECE ((size_t)64 * 1024)
#define SITEMAP_MS 600000
#define OTHERS_MOST 5u
#define ASKED_MS 1000 /* between what is said of files that are read */
#define END_BYTES 8u  /* the end of the text has its room */

struct urls_job {
    struct cmd *cmd;
    const char *shown; /* the file, for messages */
    struct buf *text;
    size_t fit; /* URLs that are in it */
    enum rc rc; /* RC_PERM: the next one did not fit */
    size_t said, others, wrong, notes;
    bool public_only; /* of a sitemap: so the source has it */
    int64_t asked_ms; /* of a sitemap: when the last was said to be read; 0: none */
};

static enum rc add_labels(struct buf *text, const struct url_list_labels *labels) {
    bool first = true;
    enum rc rc = buf_add_text(text, ",\"labels\":{");
    for (size_t i = 0; i < labels->count && !rc; i++) {
        if (!labels->values[i].length)
            continue;
        rc = first ? RC_OK : buf_add_char(text, ',');
        first = false;
        rc = rc ? rc : json_quote(slice_of(labels->names[i]), text);
        rc = rc ? rc : buf_add_char(text, ':');
        rc = rc ? rc : json_quote(labels->values[i], text);
    }
    return rc ? rc : buf_add_text(text, "}}");
}

/* Without labels the text alone, which is shorter. */
static void on_url(void *context, size_t line, const char *url, const struct url_list_labels *labels) {
    struct urls_job *job = context;
    const size_t begin = job->text->length;
    (void)line;
    if (job->rc)
        return;
    enum rc rc = buf_printf(job->text, "%s%s", job->fit ? ",\n" : "", labels ? "{\"url\":" : "");
    rc = rc ? rc : json_quote(slice_of(url), job->text);
    rc = rc || !labels ? rc : add_labels(job->text, labels);
    if (rc)
        job->text->length = begin;
    else
        job->fit++;
    job->rc = rc;
}

static void on_wrong(void *context, size_t line, const char *text, const char *why) {
    struct urls_job *job = context;
    if (job->said++ < SAID_MOST)
        cmd_say(job->cmd, "%s: line %zu: %s%s%s", job->shown, line, text, *text ? " " : "", why);
}

static void on_note(void *context, size_t line, const char *text, const char *why) {
    struct urls_job *job = context;
    if (job->notes++ < SAID_MOST)
        cmd_say(job->cmd, "%s: line %zu: %s %s", job->shown, line, text, why);
}

static enum rc read_file(const char *file, struct url_list *list, struct url_list_counts *counts, struct err *err) {
    char bytes[PIECE];
    const int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "%s", "cannot be read");
    enum rc rc = RC_OK;
    while (!rc) {
        const ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = err_sys(err, "%s", "cannot be read");
        else if (got == 0)
            break;
        else
            rc = url_list_take(list, bytes, (size_t)got, err);
    }
    if (fd != STDIN_FILENO)
        close(fd);
    return rc ? rc : url_list_end(list, counts, err);
}

static int finish(struct urls_job *job, const struct url_list_counts *counts) {
    if (job->notes > SAID_MOST)
        cmd_say(job->cmd, "%s: something is left out of %zu lines, of which the first %u are shown", job->shown, job->notes, SAID_MOST);
    if (counts->wrong)
        return cmd_fail(job->cmd, EXIT_DATA, "%s: %zu %s wrong%s; nothing was submitted", job->shown, counts->wrong,
                        counts->wrong == 1 ? "line is" : "lines are", counts->wrong > SAID_MOST ? ", of which the first 20 are shown" : "");
    if (job->rc == RC_PERM)
        return cmd_fail(job->cmd, EXIT_DATA,
                        "%s: has %s%zu URLs; %zu of them fit into a job, which may have %u bytes: make several lists of it, or give fewer labels", job->shown,
                        counts->urls > job->fit + 1 ? "" : "more than ", counts->urls > job->fit + 1 ? counts->urls : job->fit, job->fit, LIMIT_JOB_FILE_BYTES);
    if (job->rc)
        return cmd_fail(job->cmd, EXIT_IO, "%s: out of memory", job->shown);
    if (!counts->urls)
        return cmd_fail(job->cmd, EXIT_DATA, "%s: there is no URL in it", job->shown);
    if (counts->duplicates)
        cmd_say(job->cmd, "%s: %zu URLs; %zu that were there twice are left out", job->shown, counts->urls, counts->duplicates);
    return EXIT_DONE;
}

/* A job for the source begins; its URLs, which come next, are those of public hosts, or of others too. */
static int begin(struct urls_job *job, const char *source_name, bool *public_only) {
    const struct source *source;
    struct err err = {0};
    const enum rc rc = sources_get(job->cmd->sources, source_name, &source, &err);
    if (rc)
        return rc == RC_TEMP ? cmd_fail_rc(job->cmd, rc, &err) : cmd_fail(job->cmd, EXIT_DATA, "%s", err.text);
    const struct source_member *member = source_urls(source);
    if (!member)
        return cmd_fail(job->cmd, EXIT_DATA, "the source %s takes no list of URLs: none of its job_members is of type urls", source_name);
    *public_only = !member->private_hosts;
    if (buf_printf(job->text, "{\"source\":\"%s\",\"%s\":[", source_name, member->name))
        return cmd_fail(job->cmd, EXIT_IO, "out of memory");
    job->text->max -= END_BYTES;
    return EXIT_DONE;
}

static int end(struct urls_job *job) {
    job->text->max += END_BYTES;
    return buf_add_text(job->text, "]}\n") ? cmd_fail(job->cmd, EXIT_IO, "out of memory") : EXIT_DONE;
}

int cmd_urls(struct cmd *cmd, const char *file, const char *source, struct buf *text) {
    struct urls_job job = {.cmd = cmd, .shown = strcmp(file, "-") == 0 ? "standard input" : file, .text = text};
    struct url_list_told told = {.url = on_url, .wrong = on_wrong, .note = on_note, .context = &job};
    struct url_list_counts counts = {0, 0, 0};
    struct url_list *list = NULL;
    struct err err = {0};
    int code = begin(&job, source, &told.public_only);
    if (code)
        return code;
    enum rc rc = url_list_new(&told, &list, &err);
    errno = 0;
    rc = rc ? rc : read_file(file, list, &counts, &err);
    url_list_free(list);
    if (rc == RC_GONE || (rc && errno))
        return cmd_fail(cmd, rc == RC_GONE ? EXIT_NOINPUT : EXIT_IO, "%s: %s", job.shown, err.text);
    if (rc)
        return cmd_fail(cmd, rc == RC_PERM ? EXIT_DATA : EXIT_IO, "%s: %s", job.shown, err.text);
    code = finish(&job, &counts);
    return code ? code : end(&job);
}

/* --- the sitemap of a site ------------------------------------------------------------------------------------------------- */

static void on_site_wrong(void *context, const char *file, size_t line, const char *text, const char *why) {
    struct urls_job *job = context;
    if (job->said++ < SAID_MOST)
        cmd_say(job->cmd, "%s: line %zu: %s%s%s", file, line, text, *text ? " " : "", why);
}

static bool on_site_url(void *context, const char *file, size_t line, const char *url, const struct url_list_labels *labels) {
    struct urls_job *job = context;
    const bool refused = job->public_only && url_list_is_private(url);
    job->wrong += refused;
    if (refused)
        on_site_wrong(job, file, line, url, URL_LIST_PRIVATE ", which the source does not allow (private_hosts)");
    else
        on_url(job, line, url, labels);
    return job->rc == RC_OK;
}

static void on_site_other(void *context, const char *file, size_t line, const char *url) {
    struct urls_job *job = context;
    if (job->others++ < OTHERS_MOST)
        cmd_say(job->cmd, "%s: line %zu: %s is of another host, and left out", file, line, url);
}

/* Who waits at a terminal sees for what. */
static void on_site_asked(void *context, const char *file) {
    struct urls_job *job = context;
    const int64_t now_ms = clock_mono_ms();
    if (!isatty(STDERR_FILENO) || (job->asked_ms && now_ms - job->asked_ms < ASKED_MS))
        return;
    job->asked_ms = now_ms;
    cmd_say(job->cmd, "reading %s", file);
}

static int sitemap_code(enum rc rc) {
    return rc == RC_PERM ? EXIT_DATA : rc == RC_GONE ? EXIT_NOINPUT : rc == RC_AGAIN ? EXIT_LATER : EXIT_IO;
}

static int finish_sitemap(struct urls_job *job, const struct sitemap_counts *counts) {
    const struct url_list_counts all = {.urls = counts->urls, .duplicates = counts->duplicates, .wrong = counts->wrong};
    const int code = counts->urls || counts->wrong || !counts->other_hosts
                         ? finish(job, &all)
                         : cmd_fail(job->cmd, EXIT_DATA, "%s: all of its %zu URLs are of other hosts; --any-host takes them", job->shown, counts->other_hosts);
    if (!code && counts->other_hosts)
        cmd_say(job->cmd, "%s: %zu URLs of other hosts are left out; --any-host takes them, too", job->shown, counts->other_hosts);
    return code;
}

int cmd_urls_sitemap(struct cmd *cmd, const struct cmd_urls_site *site, const char *source, struct buf *text) {
    struct urls_job job = {.cmd = cmd, .shown = site->where, .text = text};
    const struct sitemap_options options = {.private_hosts = site->private_hosts,
                                            .any_host = site->any_host,
                                            .labels = site->labels,
                                            .ca_file = *cmd->config.ca_file ? cmd->config.ca_file : NULL,
                                            .timeout_ms = SITEMAP_MS,
                                            .stop_fd = -1};
    const struct sitemap_told told = {.url = on_site_url, .wrong = on_site_wrong, .other = on_site_other, .asked = on_site_asked, .context = &job};
    struct sitemap_counts counts;
    struct err err = {0};
    int code = begin(&job, source, &job.public_only);
    if (code)
        return code;
    const enum rc rc = sitemap_read(site->where, &options, &told, &counts, &err);
    if (rc)
        return cmd_fail(cmd, sitemap_code(rc), "%s; nothing was submitted", err.text);
    counts.wrong += job.wrong;
    code = finish_sitemap(&job, &counts);
    return code ? code : end(&job);
}
