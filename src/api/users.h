// SPDX-License-Identifier: Apache-2.0
#ifndef API_USERS_H
#define API_USERS_H

#include "api/principal.h"
#include "api/webfile.h"

/*
 * web/users.json: who may sign in.
 *   {"version":1,"users":{"ops":{"hash":"$argon2id$...","role":"operator","disabled":false,"epoch":"...","created_at":T,"updated_at":T}}}
 * epoch is a random word that changes with the password and with disabling: sessions and access tokens carry the one under which they were made, and are worth
 * nothing under another. So one write of this file ends all of them, whatever a crash or a sign-in at the same moment leaves of their own files.
 *
 * Passwords are hashed by libsodium's crypto_pwhash with its INTERACTIVE limits (argon2id, 2 passes over 64 MiB, about 0.1 s): three times the memory of the
 * least that OWASP's cheat sheet asks for; MODERATE (256 MiB) would let a handful of sign-ins at once take the memory of a small host. Hashing belongs on a
 * lane.
 */

#define USERS_FILE "users.json"
#define USERS_EPOCH_SIZE 33
#define USERS_PASSWORD_LEAST 12u  /* characters */
#define USERS_PASSWORD_MOST 1024u /* bytes */

struct user {
    char name[PRINCIPAL_NAME_SIZE];
    enum role role;
    bool disabled;
    char epoch[USERS_EPOCH_SIZE];
    int64_t created_us, updated_us;
};

/* [A-Za-z0-9_.@-]{1,64}; first a letter, digit or "_", so that it is neither a hidden file nor an option. Pure. */
bool users_name_valid(const char *name);
/* Long enough, UTF-8 without control characters, not the name. RC_PERM with what is wrong. Pure. */
enum rc users_password_check(const char *name, const char *password, struct err *err);

/* --- the loop's memory of it: one owner, one thread --- */

struct users;
struct users *users_new(const struct spool *spool); /* spool is borrowed; NULL: out of memory */
void users_free(struct users *users);
/* Read again when the file is another than the one that is remembered (one fstatat when it is not). On failure nobody is known until it can be read. */
enum rc users_refresh(struct users *users, struct err *err);
/* Borrowed until the next refresh; NULL: there is none. */
const struct user *users_find(const struct users *users, const char *name);
size_t users_count(const struct users *users);
const struct user *users_at(const struct users *users, size_t i); /* by name */

/* --- on a lane, or in a program: they read and write the file ---
 * RC_GONE: no such user. RC_AGAIN: what is there stands against it (the name is taken; the last enabled admin). RC_PERM: name or password break the rules. */

/* The user, if this is the password. RC_PERM "user name or password is wrong" otherwise: for a wrong one, an unknown name and a disabled user alike, after the
 * same work. */
enum rc users_verify(const struct spool *spool, const char *name, const char *password, struct user *user, struct err *err);
enum rc users_get(const struct spool *spool, const char *name, struct user *user, struct err *err);
enum rc users_add(const struct spool *spool, const char *name, const char *password, enum role role, struct err *err);
enum rc users_set_password(const struct spool *spool, const char *name, const char *password, struct err *err);
enum rc users_set_role(const struct spool *spool, const char *name, enum role role, struct err *err);
enum rc users_set_disabled(const struct spool *spool, const char *name, bool disabled, struct err *err);
enum rc users_remove(const struct spool *spool, const char *name, struct err *err);

/* {"name","role","disabled","created_at","updated_at"}; NULL: out of memory. Pure. */
cJSON *users_json(const struct user *user);

#endif
