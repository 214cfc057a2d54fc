/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <uthash.h>

#include "base/buf.h"
#include "base/limits.h"
#include "store/database_url.h"
#include "store/sql.h"

/*
 * The driver of PostgreSQL, a module of its own. Statements are sent without blocking and
 * waited for with a deadline that each sign of life moves.
 */

#define exported __attribute__((visibility("default")))
exported sql_open_function fullet_sql_open;

struct statement {
	char *text;
	char name[16];
	UT_hash_handle hh;
};

struct postgres {
	struct sql base;
	struct database_url url;
	PGconn *conn;
	struct statement *statements;
	bool gone;
};

static struct postgres *of(struct sql *sql)
{
	return (struct postgres *)sql;
}

/* ---- errors ---- */

/* PostgreSQL: appendix A, error codes. */
static int errno_of(const char *state)
{
	static const struct {
		const char *state;
		int r;
	} codes[] = {{"53100", -ENOSPC}, {"53", -ENOTCONN}, {"25006", -EROFS}, {"55P03", -EBUSY},
		{"40", -EBUSY}, {"57014", -EBUSY}, {"57", -ENOTCONN}, {"08", -ENOTCONN},
		{"28", -EACCES}, {"42501", -EACCES}, {"42P07", -EEXIST}, {"42701", -EEXIST},
		{"54", -E2BIG}, {"XX001", -EBADMSG}, {"XX002", -EBADMSG}, {"58", -EIO},
		{"25P03", -ENOTCONN}};

	for (size_t i = 0; i < countof(codes); i++)
		if (str_starts(state, codes[i].state))
			return codes[i].r;
	return -EINVAL;
}

/* Messages of these tell of our statements and the server; others may quote what a member typed. */
static bool is_plain(const char *state)
{
	static const char *const classes[] = {
		"08", "25", "28", "3D", "42", "53", "55", "57", "58", "XX"};

	for (size_t i = 0; i < countof(classes); i++)
		if (str_starts(state, classes[i]))
			return true;
	return false;
}

static int lost(struct postgres *p, const char *how, char **ret_why)
{
	p->gone = true;
	if (ret_why)
		*ret_why = xasprintf("%s: %s", p->base.shown, how);
	return -ENOTCONN;
}

static int failed(struct postgres *p, const PGresult *result, char **ret_why)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	cleanup(freep) char *clean = NULL;
	int r;

	if (PQstatus(p->conn) == CONNECTION_BAD && !state)
		return lost(p, "the connection was closed", ret_why);
	state = state ? state : "XX000";
	clean = database_url_scrub(&p->url, message ? message : "");
	r = errno_of(state);
	if (r == -ENOTCONN)
		p->gone = true;
	if (!ret_why)
		return r;
	if (r == -ENOSPC)
		*ret_why = xasprintf("the disk of %s is full", p->base.shown);
	else if (r == -EEXIST)
		*ret_why = xasprintf("%s holds tables of another program where ours should be: %s",
			p->base.shown, clean);
	else if (r == -EROFS)
		*ret_why = xasprintf("%s cannot be written: it is read-only", p->base.shown);
	else if (str_eq(state, "42501"))
		*ret_why = xasprintf(
			"%s: %s: make our user the owner of the database", p->base.shown, clean);
	else if (is_plain(state))
		*ret_why = xasprintf("%s: %s", p->base.shown, clean);
	else
		*ret_why =
			xasprintf("%s refuses a statement (SQLSTATE %.5s)", p->base.shown, state);
	return r;
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0 when the socket is ready for one of the events. */
static int wait_socket(struct postgres *p, short events, char **ret_why)
{
	int64_t deadline_ms = now_ms() + STORE_SILENCE_S * 1000;
	struct pollfd fd = {.fd = PQsocket(p->conn), .events = events};

	for (;;) {
		int64_t left_ms = deadline_ms - now_ms();
		int n = left_ms > 0 ? poll(&fd, 1, (int)left_ms) : 0;

		if (n > 0)
			break;
		if (n == 0)
			return lost(p, "it does not answer", ret_why);
		if (errno != EINTR)
			return lost(p, strerror(errno), ret_why);
	}
	if ((fd.revents & (POLLIN | POLLHUP | POLLERR)) && !PQconsumeInput(p->conn))
		return lost(p, "the connection was closed", ret_why);
	return 0;
}

static int flush(struct postgres *p, char **ret_why)
{
	int left, r = 0;

	while (r == 0 && (left = PQflush(p->conn)) != 0)
		r = left < 0 ? lost(p, "the connection was closed", ret_why)
			     : wait_socket(p, POLLIN | POLLOUT, ret_why);
	return r;
}

/* numeric, the type of a sum: digits of base 10,000, the first one times 10,000^weight. */
static int64_t whole_number(const unsigned char *data, int len)
{
	int digits = len < 8 ? 0 : data[0] << 8 | data[1];
	int weight = len < 8 ? 0 : (int16_t)(data[2] << 8 | data[3]);
	bool negative = len >= 8 && (data[4] << 8 | data[5]) == 0x4000;
	int64_t number = 0;

	if (weight > 3) /* beyond what we ever add up */
		return INT64_MAX;
	for (int i = 0; i <= weight; i++) {
		int at = 8 + 2 * i;

		number *= 10000;
		number += i < digits && at + 1 < len ? data[at] << 8 | data[at + 1] : 0;
	}
	return negative ? -number : number;
}

static struct sql_value column(const PGresult *result, int row, int at)
{
	const unsigned char *data = (const unsigned char *)PQgetvalue(result, row, at);
	int len = PQgetlength(result, row, at);
	uint64_t number = 0;

	if (PQgetisnull(result, row, at))
		return (struct sql_value){.type = SQL_NULL};
	switch (PQftype(result, at)) { /* pg_type.dat; all columns come in binary */
	case 16:		       /* bool */
		return sql_int(len > 0 && data[0]);
	case 20: /* int8, int2, int4 */
	case 21:
	case 23:
		for (int i = 0; i < len && i < 8; i++)
			number = number << 8 | data[i];
		if (len == 4)
			return sql_int((int32_t)number);
		return sql_int(len == 2 ? (int16_t)number : (int64_t)number);
	case 1700: /* numeric */
		return sql_int(whole_number(data, len));
	case 17: /* bytea */
		return (struct sql_value){
			.type = SQL_BLOB, .data = (const char *)data, .len = (size_t)len};
	case 19: /* name, text, varchar, unknown */
	case 25:
	case 1043:
	case 705:
		return (struct sql_value){
			.type = SQL_TEXT, .data = (const char *)data, .len = (size_t)len};
	default:
		return (struct sql_value){.type = SQL_NULL};
	}
}

#define COLUMNS_MAX 64

static void give_rows(const PGresult *result, sql_row *row, void *arg)
{
	struct sql_value columns[COLUMNS_MAX];
	int n = PQnfields(result);

	must(n <= COLUMNS_MAX);
	for (int i = 0; i < PQntuples(result) && row; i++) {
		for (int j = 0; j < n; j++)
			columns[j] = column(result, i, j);
		row(arg, columns, (size_t)n);
	}
}

/* All answers to what was sent; the first error counts. */
static int collect(struct postgres *p, sql_row *row, void *arg, char **ret_why)
{
	PGresult *result;
	int r = flush(p, ret_why), first = 0;

	while (r == 0) {
		ExecStatusType status;

		while (r == 0 && PQisBusy(p->conn))
			r = wait_socket(p, POLLIN, first ? NULL : ret_why);
		if (r < 0)
			break;
		result = PQgetResult(p->conn);
		if (!result)
			break;
		status = PQresultStatus(result);
		if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK)
			give_rows(result, row, arg);
		else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY && first == 0)
			first = failed(p, result, ret_why);
		PQclear(result);
	}
	return first ? first : r;
}

static int sent(struct postgres *p, int ok, char **ret_why)
{
	return ok ? 0 : lost(p, "the connection was closed", ret_why);
}

/* ---- statements ---- */

/* "?" becomes "$1", "$2"; our statements have none in a literal. */
static char *number_parameters(const char *text)
{
	struct buf out = BUF(64 * KIB);
	int n = 0;

	for (; *text; text++)
		must((*text == '?' ? buf_printf(&out, "$%d", ++n) : buf_add(&out, text, 1)) == 0);
	return buf_take(&out);
}

static int prepare(struct postgres *p, const char *text, struct statement **ret, char **ret_why)
{
	cleanup(freep) char *numbered = NULL;
	struct statement *known;
	char name[16];
	int r;

	HASH_FIND_STR(p->statements, text, known);
	if (!known) {
		numbered = number_parameters(text);
		snprintf(name, sizeof(name), "f%u", HASH_COUNT(p->statements));
		r = sent(p, PQsendPrepare(p->conn, name, numbered, 0, NULL), ret_why);
		if (r == 0)
			r = collect(p, NULL, NULL, ret_why);
		if (r < 0)
			return r;
		known = xcalloc(1, sizeof(*known));
		str_copy(known->name, sizeof(known->name), name);
		known->text = xstrdup(text);
		HASH_ADD_KEYPTR(hh, p->statements, known->text, strlen(known->text), known);
	}
	*ret = known;
	return 0;
}

#define ARGS_MAX 64

struct arguments {
	const char *values[ARGS_MAX];
	int lengths[ARGS_MAX], formats[ARGS_MAX];
	char numbers[ARGS_MAX][24];
	char *cleaned[ARGS_MAX];
};

static void bind(struct arguments *a, const struct sql_value *args, size_t n)
{
	must(n <= ARGS_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct sql_value *v = &args[i];

		switch (v->type) {
		case SQL_INT:
			snprintf(a->numbers[i], sizeof(a->numbers[i]), "%" PRId64, v->number);
			a->values[i] = a->numbers[i];
			break;
		case SQL_TEXT:
			a->cleaned[i] = sql_clean_text(v->data, v->len);
			a->values[i] = a->cleaned[i] ? a->cleaned[i] : v->data;
			break;
		case SQL_BLOB:
			a->values[i] = v->data;
			a->lengths[i] = (int)v->len;
			a->formats[i] = 1;
			break;
		case SQL_NULL:
			break;
		}
	}
}

static int run(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	sql_row *row, void *arg, char **ret_why)
{
	struct postgres *p = of(sql);
	cleanup(freep) struct arguments *a = NULL;
	struct statement *stmt = NULL;
	int r;

	if (p->gone)
		return lost(p, "the connection was closed", ret_why);
	r = prepare(p, text, &stmt, ret_why);
	if (r < 0)
		return r;
	a = xcalloc(1, sizeof(*a));
	bind(a, args, n_args);
	r = sent(p,
		PQsendQueryPrepared(
			p->conn, stmt->name, (int)n_args, a->values, a->lengths, a->formats, 1),
		ret_why);
	if (r == 0) {
		(void)PQsetSingleRowMode(p->conn); /* a backup's rows need not fit into memory */
		r = collect(p, row, arg, ret_why);
	}
	for (size_t i = 0; i < n_args; i++)
		free(a->cleaned[i]);
	return r;
}

static int script(struct sql *sql, const char *text, char **ret_why)
{
	struct postgres *p = of(sql);
	int r;

	if (p->gone)
		return lost(p, "the connection was closed", ret_why);
	r = sent(p, PQsendQuery(p->conn, text), ret_why);
	return r < 0 ? r : collect(p, NULL, NULL, ret_why);
}

static bool in_transaction(struct sql *sql)
{
	struct postgres *p = of(sql);

	return !p->gone && PQtransactionStatus(p->conn) != PQTRANS_IDLE;
}

static void close_postgres(struct sql *sql)
{
	struct postgres *p = of(sql);
	struct statement *known, *next;

	HASH_ITER(hh, p->statements, known, next)
	{
		HASH_DEL(p->statements, known);
		free(known->text);
		free(known);
	}
	PQfinish(p->conn);
	database_url_free(&p->url);
	free(p->base.shown);
	free(p);
}

static const struct sql_driver driver = {
	.dialect = SQL_DIALECT_POSTGRES,
	.close = close_postgres,
	.run = run,
	.script = script,
	.in_transaction = in_transaction,
};

/* ---- opening ---- */

static void ignore_notice(void *arg, const char *message)
{
}

struct parameters {
	const char *names[12], *values[12];
};

/* What stands before the URL it may overrule, what stands behind it not. */
static struct parameters parameters(const struct postgres *p)
{
	return (struct parameters){
		{"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
			"tcp_user_timeout", "dbname", "client_encoding",
			"fallback_application_name", NULL},
		{"5", "30", "10", "3", "30000", p->url.uri, "UTF8", "fullet", NULL},
	};
}

/* The server's reason as its SQLSTATE, whatever language it speaks: libpq tells it of a connection
 * only in verbose messages, which can be asked for only between start and end of connecting. */
static void ask_state(struct postgres *p, char state[6])
{
	struct parameters with = parameters(p);
	PGconn *conn = PQconnectStartParams(with.names, with.values, 1);
	int64_t deadline_ms = now_ms() + STORE_CONNECT_S * 1000;
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	while (PQstatus(conn) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
		next != PGRES_POLLING_FAILED) {
		struct pollfd fd = {.fd = PQsocket(conn),
			.events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT};
		int64_t left_ms = deadline_ms - now_ms();

		if (left_ms <= 0 || poll(&fd, 1, (int)left_ms) <= 0)
			break;
		next = PQconnectPoll(conn);
	}
	for (const char *c = PQerrorMessage(conn); (c = strstr(c, ":  ")); c += 3)
		if (strspn(c + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && c[8] == ':')
			str_copy(state, 6, c + 3);
	PQfinish(conn);
}

/* Nothing but a person changes these. */
static bool is_settled(const char *message)
{
	static const char *const parts[] = {"no password supplied", "does not support SSL",
		"certificate", "invalid", "unsupported", "not supported", "definition of service"};

	for (size_t i = 0; i < countof(parts); i++)
		if (strstr(message, parts[i]))
			return true;
	return false;
}

static int connect_failed(struct postgres *p, char **ret_why)
{
	cleanup(freep) char *clean = database_url_scrub(&p->url, PQerrorMessage(p->conn));
	char state[6] = "";
	int r = -ENOTCONN;

	if (strstr(clean, ":  "))
		ask_state(p, state);
	if (*state)
		r = str_starts(state, "3D") ? -EINVAL : errno_of(state);
	else if (is_settled(clean))
		r = -EACCES;
	*ret_why = xasprintf("%s cannot be opened: %s", p->base.shown, clean);
	return r;
}

static const char settings[] =
	"SET client_min_messages = warning;"
	"SET standard_conforming_strings = on;"
	"SET lock_timeout = 5000;" /* STORE_BUSY_MS */
	"SET idle_in_transaction_session_timeout = 150000;"
	/* A bot whose computer died gives its lock back. */
	"SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

int fullet_sql_open(const struct database_url *url, struct sql **ret, char **ret_why)
{
	struct postgres *p = xcalloc(1, sizeof(*p));
	struct parameters with;
	int r = 0;

	p->base.driver = &driver;
	p->base.shown = xstrdup(url->shown);
	database_url_copy(&p->url, url);
	with = parameters(p);
	p->conn = PQconnectdbParams(with.names, with.values, 1);
	if (PQstatus(p->conn) != CONNECTION_OK || PQsetnonblocking(p->conn, 1) < 0) {
		r = connect_failed(p, ret_why);
	} else {
		PQsetNoticeProcessor(p->conn, ignore_notice, NULL);
		r = script(&p->base, settings, ret_why);
	}
	if (r < 0)
		close_postgres(&p->base);
	else
		*ret = &p->base;
	return r;
}
