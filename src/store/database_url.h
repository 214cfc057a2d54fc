/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_DATABASE_URL_H
#define FULLET_STORE_DATABASE_URL_H

#include "base/defs.h"
#include "store/sql.h"

/*
 * DATABASE_URL as plain data; parsing opens nothing.
 *
 *   sqlite:///relative/path, sqlite:////absolute/path, or a path without a scheme
 *   postgresql://... or postgres://..., as libpq takes it
 *   mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=..., also mariadb://
 *
 * each also with the "+driver" that Python programs write behind the scheme.
 */

/* MySQL's --ssl-mode, in its order. */
enum database_ssl { SSL_DISABLED, SSL_PREFERRED, SSL_REQUIRED, SSL_VERIFY_CA, SSL_VERIFY_IDENTITY };

#define DATABASE_SECRETS_MAX 4

struct database_url {
	enum sql_dialect dialect;
	char *path;  /* SQLite: a file, or ":memory:" */
	char *uri;   /* PostgreSQL: for libpq, with the scheme that it knows; holds the password */
	char *shown; /* what sentences call the database: without password and parameters */
	/* MySQL; decoded. NULL: not given. No host: the usual socket of this computer. */
	char *user, *password, *host, *database, *socket;
	int port;
	enum database_ssl ssl;
	char *ssl_ca, *ssl_cert, *ssl_key;
	int connect_timeout_s; /* 0: ours */
	/* As they stand in the URL and decoded: what no sentence may hold. */
	char *secrets[DATABASE_SECRETS_MAX];
	size_t n_secrets;
};

/* 0, or -EINVAL with a sentence that repeats nothing but names of parameters and schemes. */
int database_url_parse(const char *text, struct database_url *ret, char **ret_why);
void database_url_free(struct database_url *url); /* leaves it empty */
void database_url_copy(struct database_url *dst, const struct database_url *src);
/* The text in one line with each secret replaced by "***"; the caller owns it. */
char *database_url_scrub(const struct database_url *url, const char *text);

#endif
