// SPDX-License-Identifier: Apache-2.0
#include "net/fetch_multi.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define KEPT_CONNECTIONS 32L

struct fetch_multi {
    struct fetch_multi *next;
    char way[DIGEST_HEX_SIZE];
    struct loop *loop;
    CURLM *handle;
    struct loop_timer timer;
    fetch_multi_ended *ended;
};

/* A socket of libcurl's, for as long as it wants it watched. */
struct socket_watch {
    struct loop_fd watch;
    struct fetch_multi *multi;
};

static void pump(struct fetch_multi *multi, curl_socket_t fd, int what) {
    int running = 0, left = 0;
    CURLMcode code = curl_multi_socket_action(multi->handle, fd, what, &running);
    if (code != CURLM_OK) {
        log_error("fetch: %s: all transfers are ended", curl_multi_strerror(code));
        (void)curl_multi_perform(multi->handle, &running); /* a callback could not serve libcurl: now each transfer is told so */
    }
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi->handle, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result; /* the message goes with the handle */
        char *transfer = NULL;
        if (message->msg == CURLMSG_DONE && curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) == CURLE_OK) {
            (void)curl_multi_remove_handle(multi->handle, easy);
            multi->ended(transfer, result);
        }
    }
}

static void timer_due(struct loop_timer *timer) {
    pump(HEAP_ENTRY(timer, struct fetch_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *handle, long wait_ms, void *context) {
    struct fetch_multi *multi = context;
    (void)handle;
    if (wait_ms < 0) {
        loop_timer_cancel(multi->loop, &multi->timer);
        return 0;
    }
    return loop_timer_start(multi->loop, &multi->timer, clock_mono_ms() + wait_ms, timer_due) == RC_OK ? 0 : -1;
}

/* Errors and hang-ups alone are passed as "look for yourself" (0): libcurl then finds the error by reading, and names it. */
static void socket_ready(struct loop_fd *watch, uint32_t events) {
    struct socket_watch *socket = (struct socket_watch *)(void *)watch; /* its first member */
    pump(socket->multi, watch->fd, (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
}

static int watch_socket(struct fetch_multi *multi, struct socket_watch *socket, curl_socket_t fd, uint32_t events) {
    if (socket != NULL) {
        return loop_fd_change(multi->loop, &socket->watch, events, NULL) == RC_OK ? 0 : -1;
    }
    socket = calloc(1, sizeof(*socket));
    if (socket == NULL) {
        return -1;
    }
    socket->multi = multi;
    if (loop_fd_start(multi->loop, &socket->watch, fd, events, socket_ready, NULL) != RC_OK) {
        free(socket);
        return -1;
    }
    if (curl_multi_assign(multi->handle, fd, socket) != CURLM_OK) {
        loop_fd_cancel(multi->loop, &socket->watch);
        free(socket);
        return -1;
    }
    return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context) {
    struct fetch_multi *multi = context;
    struct socket_watch *socket = socket_context;
    (void)easy;
    if (what != CURL_POLL_REMOVE) {
        return watch_socket(multi, socket, fd, (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u));
    }
    if (socket != NULL) {
        loop_fd_cancel(multi->loop, &socket->watch);
        free(socket);
        (void)curl_multi_assign(multi->handle, fd, NULL);
    }
    return 0;
}

static void free_one(struct fetch_multi *multi) {
    (void)curl_multi_cleanup(multi->handle); /* closes the kept connections; watches end by set_socket */
    loop_timer_cancel(multi->loop, &multi->timer);
    free(multi);
    curl_global_cleanup();
}

static struct fetch_multi *new_one(struct loop *loop, fetch_multi_ended *ended) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    struct fetch_multi *multi = calloc(1, sizeof(*multi));
    if (multi == NULL) {
        curl_global_cleanup();
        return NULL;
    }
    multi->loop = loop;
    multi->ended = ended;
    multi->handle = curl_multi_init();
    if (multi->handle == NULL || curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, set_socket) != CURLM_OK ||
        curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi) != CURLM_OK ||
        curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
        curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi) != CURLM_OK ||
        curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS) != CURLM_OK) {
        free_one(multi);
        return NULL;
    }
    return multi;
}

/* A name for a way that does not tell its secrets. */
static bool name_way(const struct fetch_way *way, char name[DIGEST_HEX_SIZE]) {
    const char *const parts[] = {way->ca_file, way->cert_file, way->key_file, way->proxy, way->proxy_username, way->proxy_password};
    struct digest *digest = digest_new();
    if (digest == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        const char *part = parts[i] == NULL ? "" : parts[i];
        digest_add(digest, parts[i] == NULL ? "-" : "+", 1);
        digest_add(digest, part, strlen(part) + 1);
    }
    digest_hex(digest, name);
    digest_free(digest);
    return name[0] != '\0';
}

struct fetch_multi *fetch_multi_of(struct fetch_multi **list, struct loop *loop, fetch_multi_ended *ended, const struct fetch_way *way) {
    char name[DIGEST_HEX_SIZE];
    if (!name_way(way, name)) {
        return NULL;
    }
    for (struct fetch_multi *multi = *list; multi != NULL; multi = multi->next) {
        if (strcmp(multi->way, name) == 0) {
            return multi;
        }
    }
    struct fetch_multi *multi = new_one(loop, ended);
    if (multi != NULL) {
        memcpy(multi->way, name, sizeof(name));
        multi->next = *list;
        *list = multi;
    }
    return multi;
}

void fetch_multi_free(struct fetch_multi *list) {
    while (list != NULL) {
        struct fetch_multi *multi = list;
        list = multi->next;
        free_one(multi);
    }
}

enum rc fetch_multi_add(struct fetch_multi *multi, CURL *easy, struct err *err) {
    CURLMcode code = curl_multi_add_handle(multi->handle, easy);
    return code == CURLM_OK ? RC_OK : err_set(err, RC_TEMP, "libcurl: %s", curl_multi_strerror(code));
}

void fetch_multi_remove(struct fetch_multi *multi, CURL *easy) {
    (void)curl_multi_remove_handle(multi->handle, easy);
}
