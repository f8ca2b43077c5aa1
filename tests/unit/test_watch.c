// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "os/watch.h"

#include <stdio.h>
#include <sys/inotify.h>

struct seen {
    struct watch *watch;
    unsigned count, overflows;
    bool free_at_first;
    struct {
        int tag;
        uint32_t mask;
        char name[32];
    } events[8];
};

static void got_event(void *context, int tag, uint32_t mask, const char *name) {
    struct seen *seen = context;

    if (tag == -1 && mask == IN_Q_OVERFLOW)
        seen->overflows++;
    if (seen->count < 8) {
        seen->events[seen->count].tag = tag;
        seen->events[seen->count].mask = mask;
        snprintf(seen->events[seen->count].name, sizeof(seen->events[0].name), "%s", name);
    }
    seen->count++;
    if (seen->free_at_first) {
        watch_free(seen->watch);
        seen->watch = NULL;
    }
}

static struct loop *start(struct seen *seen) {
    struct loop *loop;
    struct err err = {0};

    assert_int_equal(loop_new(&loop, &err), RC_OK);
    assert_int_equal(watch_new(loop, got_event, seen, &seen->watch, &err), RC_OK);
    return loop;
}

static void end(struct loop *loop, struct seen *seen) {
    watch_free(seen->watch);
    loop_free(loop);
}

static void add(const struct scratch *s, struct seen *seen, const char *name, uint32_t mask, int tag) {
    char path[300];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/%s", s->path, name);
    assert_int_equal(watch_add(seen->watch, path, mask, tag, &err), RC_OK);
}

static void assert_event(const struct seen *seen, unsigned number, int tag, uint32_t mask, const char *name) {
    assert_true(number < seen->count);
    assert_int_equal(seen->events[number].tag, tag);
    assert_int_equal(seen->events[number].mask, mask);
    assert_string_equal(seen->events[number].name, name);
}

static void events_carry_their_tag(void **state) {
    const struct scratch *s = *state;
    struct seen seen = {0};
    struct loop *loop = start(&seen);

    mkdirat(s->fd, "a", 0700);
    mkdirat(s->fd, "b", 0700);
    add(s, &seen, "a", IN_CLOSE_WRITE | IN_MOVED_FROM, 10);
    add(s, &seen, "b", IN_MOVED_TO, 21);
    add(s, &seen, "b", IN_MOVED_TO, 20);
    scratch_write(s, "a/x", "text");
    assert_int_equal(renameat(s->fd, "a/x", s->fd, "b/y"), 0);
    while (seen.count < 3)
        assert_int_equal(loop_turn(loop, -1, NULL), RC_OK);
    assert_event(&seen, 0, 10, IN_CLOSE_WRITE, "x");
    assert_event(&seen, 1, 10, IN_MOVED_FROM, "x");
    assert_event(&seen, 2, 20, IN_MOVED_TO, "y");
    end(loop, &seen);
}

static void a_removed_directory_is_told_and_forgotten(void **state) {
    const struct scratch *s = *state;
    struct seen seen = {0};
    struct loop *loop = start(&seen);

    mkdirat(s->fd, "a", 0700);
    mkdirat(s->fd, "b", 0700);
    add(s, &seen, "a", IN_DELETE_SELF, 1);
    add(s, &seen, "b", IN_CLOSE_WRITE, 2);
    assert_int_equal(unlinkat(s->fd, "a", AT_REMOVEDIR), 0);
    scratch_write(s, "b/x", "");
    while (seen.count < 3)
        assert_int_equal(loop_turn(loop, -1, NULL), RC_OK);
    assert_event(&seen, 0, 1, IN_DELETE_SELF, "");
    assert_event(&seen, 1, 1, IN_IGNORED, "");
    assert_event(&seen, 2, 2, IN_CLOSE_WRITE, "x");
    mkdirat(s->fd, "a", 0700);
    add(s, &seen, "a", IN_CLOSE_WRITE, 3);
    scratch_write(s, "a/x", "");
    while (seen.count < 4)
        assert_int_equal(loop_turn(loop, -1, NULL), RC_OK);
    assert_event(&seen, 3, 3, IN_CLOSE_WRITE, "x");
    end(loop, &seen);
}

static void many_directories_are_watched(void **state) {
    const struct scratch *s = *state;
    struct seen seen = {0};
    struct loop *loop = start(&seen);
    char name[16];

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        mkdirat(s->fd, name, 0700);
        add(s, &seen, name, IN_CLOSE_WRITE, i);
    }
    scratch_write(s, "d49/x", "");
    while (seen.count < 1)
        assert_int_equal(loop_turn(loop, -1, NULL), RC_OK);
    assert_event(&seen, 0, 49, IN_CLOSE_WRITE, "x");
    end(loop, &seen);
}

static void freeing_within_an_event_is_the_last_one(void **state) {
    const struct scratch *s = *state;
    struct seen seen = {.free_at_first = true};
    struct loop *loop = start(&seen);

    add(s, &seen, ".", IN_CLOSE_WRITE, 1);
    scratch_write(s, "x", "");
    scratch_write(s, "y", "");
    while (seen.count < 1)
        assert_int_equal(loop_turn(loop, -1, NULL), RC_OK);
    assert_int_equal(loop_turn(loop, 0, NULL), RC_OK);
    assert_int_equal(seen.count, 1);
    end(loop, &seen);
}

static unsigned queue_length(void) {
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    unsigned length = 0;

    if (file != NULL && fscanf(file, "%u", &length) != 1)
        length = 0;
    if (file != NULL)
        fclose(file);
    return length;
}

static void an_overflow_is_told(void **state) {
    const struct scratch *s = *state;
    struct seen seen = {0};
    unsigned length = queue_length();

    if (length == 0 || length > 100000)
        skip();
    struct loop *loop = start(&seen);
    add(s, &seen, ".", IN_CREATE | IN_DELETE, 1);
    for (unsigned i = 0; i <= length / 2; i++) { /* two different events each: equal neighbours would be merged */
        scratch_write(s, "x", "");
        assert_int_equal(unlinkat(s->fd, "x", 0), 0);
    }
    while (seen.overflows == 0)
        assert_int_equal(loop_turn(loop, -1, NULL), RC_OK);
    assert_true(seen.count >= length);
    end(loop, &seen);
}

static void what_is_missing_is_gone(void **state) {
    struct seen seen = {0};
    struct loop *loop = start(&seen);
    struct err err = {0};

    (void)state;
    assert_int_equal(watch_add(seen.watch, "/nonexistent/dir", IN_CREATE, 1, &err), RC_GONE);
    assert_non_null(strstr(err.text, "/nonexistent/dir"));
    end(loop, &seen);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(events_carry_their_tag),       TEST(a_removed_directory_is_told_and_forgotten),
        TEST(many_directories_are_watched), TEST(freeing_within_an_event_is_the_last_one),
        TEST(an_overflow_is_told),          TEST(what_is_missing_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
