/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdlib.h>

#include <uthash.h>

#include "base/buf.h"
#include "base/limits.h"
#include "store/database_url.h"
#include "store/sql.h"

/* The driver of MySQL and MariaDB, a module of its own. The library itself waits with deadlines. */

#define exported __attribute__((visibility("default")))
exported sql_open_function fullet_sql_open;

struct statement {
	char *text;
	MYSQL_STMT *stmt;
	UT_hash_handle hh;
};

struct mysql {
	struct sql base;
	struct database_url url;
	MYSQL *conn;
	struct statement *statements;
	size_t packet_max; /* what the server takes at once */
	bool gone;
};

static struct mysql *of(struct sql *sql)
{
	return (struct mysql *)sql;
}

/* ---- errors ---- */

static int errno_of(unsigned code, const char *message)
{
	switch (code) {
	case CR_CONNECTION_ERROR:
	case CR_CONN_HOST_ERROR:
	case CR_UNKNOWN_HOST:
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_SERVER_LOST_EXTENDED:
	case ER_CON_COUNT_ERROR:
	case ER_SERVER_SHUTDOWN:
	case ER_ABORTING_CONNECTION:
	case 1226: /* ER_USER_LIMIT_REACHED */
	case 1927: /* ER_CONNECTION_KILLED */
	case 4031: /* MySQL 8: disconnected for inactivity */
		return -ENOTCONN;
	case CR_SSL_CONNECTION_ERROR:
	case CR_AUTH_PLUGIN_CANNOT_LOAD:
	case ER_ACCESS_DENIED_ERROR:
	case ER_DBACCESS_DENIED_ERROR:
	case ER_TABLEACCESS_DENIED_ERROR:
	case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
	case ER_SPECIFIC_ACCESS_DENIED_ERROR:
		return -EACCES;
	case ER_DISK_FULL:
	case ER_RECORD_FILE_FULL:
		return -ENOSPC;
	case ER_GET_ERRNO:
	case ER_ERROR_ON_WRITE:
		return strstr(message, "28") ? -ENOSPC : -EIO;
	case ER_OPTION_PREVENTS_STATEMENT:
	case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
	case 1836: /* ER_READ_ONLY_MODE */
		return -EROFS;
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_LOCK_DEADLOCK:
	case ER_CANT_LOCK:
		return -EBUSY;
	case ER_NET_PACKET_TOO_LARGE:
		return -E2BIG;
	case ER_TABLE_EXISTS_ERROR:
	case ER_DUP_FIELDNAME:
	case ER_DUP_KEYNAME:
		return -EEXIST;
	case ER_NOT_KEYFILE:
	case ER_CRASHED_ON_USAGE:
		return -EBADMSG;
	default:
		return -EINVAL;
	}
}

static int lost(struct mysql *m, char **ret_why)
{
	m->gone = true;
	if (ret_why)
		*ret_why = xasprintf("%s: the connection was closed", m->base.shown);
	return -ENOTCONN;
}

static int failed(struct mysql *m, unsigned code, const char *message, char **ret_why)
{
	cleanup(freep) char *clean = database_url_scrub(&m->url, message);
	int r = errno_of(code, message);

	if (r == -ENOTCONN)
		m->gone = true;
	if (!ret_why)
		return r;
	if (r == -ENOSPC)
		*ret_why = xasprintf("the disk of %s is full", m->base.shown);
	else if (r == -EROFS)
		*ret_why = xasprintf("%s cannot be written: it is read-only", m->base.shown);
	else if (r == -EEXIST)
		*ret_why = xasprintf("%s holds tables of another program where ours should be: %s",
			m->base.shown, clean);
	else if (r == -EINVAL) /* may quote what a member typed */
		*ret_why = xasprintf("%s refuses a statement (error %u)", m->base.shown, code);
	else
		*ret_why = xasprintf("%s: %s", m->base.shown, clean);
	return r;
}

static int failed_stmt(struct mysql *m, MYSQL_STMT *stmt, char **ret_why)
{
	return failed(m, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), ret_why);
}

/* ---- statements ---- */

static int prepare(struct mysql *m, const char *text, MYSQL_STMT **ret, char **ret_why)
{
	struct statement *known;

	HASH_FIND_STR(m->statements, text, known);
	if (!known) {
		MYSQL_STMT *stmt = mysql_stmt_init(m->conn);

		must(stmt);
		if (mysql_stmt_prepare(stmt, text, strlen(text))) {
			int r = failed_stmt(m, stmt, ret_why);

			mysql_stmt_close(stmt);
			return r;
		}
		known = xcalloc(1, sizeof(*known));
		known->text = xstrdup(text);
		known->stmt = stmt;
		HASH_ADD_KEYPTR(hh, m->statements, known->text, strlen(known->text), known);
	}
	*ret = known->stmt;
	return 0;
}

#define ARGS_MAX    64
#define COLUMNS_MAX 64

struct arguments {
	MYSQL_BIND binds[ARGS_MAX];
	char *cleaned[ARGS_MAX];
};

static void bind(struct arguments *a, const struct sql_value *args, size_t n)
{
	must(n <= ARGS_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct sql_value *v = &args[i];
		MYSQL_BIND *b = &a->binds[i];

		b->buffer_type = MYSQL_TYPE_NULL;
		if (v->type == SQL_INT) {
			b->buffer_type = MYSQL_TYPE_LONGLONG;
			b->buffer = (void *)&v->number;
		} else if (v->type != SQL_NULL) {
			if (v->type == SQL_TEXT)
				a->cleaned[i] = sql_clean_text(v->data, v->len);
			b->buffer_type =
				v->type == SQL_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_LONG_BLOB;
			b->buffer = a->cleaned[i] ? a->cleaned[i] : (char *)v->data;
			b->buffer_length = a->cleaned[i] ? strlen(a->cleaned[i]) : v->len;
		}
	}
}

static bool is_number(enum enum_field_types type)
{
	return type == MYSQL_TYPE_LONGLONG || type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_INT24 ||
	       type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_TINY;
}

/* One row's columns: numbers come by themselves, bytes are asked for when their length is known. */
struct columns {
	MYSQL_BIND binds[COLUMNS_MAX];
	int64_t numbers[COLUMNS_MAX];
	unsigned long lengths[COLUMNS_MAX];
	my_bool nulls[COLUMNS_MAX], errors[COLUMNS_MAX];
	char *bytes[COLUMNS_MAX];
	bool is_blob[COLUMNS_MAX];
	unsigned n;
};

#define CHARSET_BINARY 63

static void bind_columns(struct columns *c, MYSQL_RES *meta)
{
	c->n = mysql_num_fields(meta);
	must(c->n <= COLUMNS_MAX);
	for (unsigned i = 0; i < c->n; i++) {
		const MYSQL_FIELD *field = mysql_fetch_field_direct(meta, i);
		MYSQL_BIND *b = &c->binds[i];

		b->is_null = &c->nulls[i];
		b->length = &c->lengths[i];
		b->error = &c->errors[i];
		if (is_number(field->type)) {
			b->buffer_type = MYSQL_TYPE_LONGLONG;
			b->buffer = &c->numbers[i];
			continue;
		}
		/* A sum of whole numbers comes as its digits. */
		c->is_blob[i] =
			field->charsetnr == CHARSET_BINARY && field->type != MYSQL_TYPE_NEWDECIMAL;
		b->buffer_type = c->is_blob[i] ? MYSQL_TYPE_LONG_BLOB : MYSQL_TYPE_STRING;
	}
}

static int give_row(struct columns *c, MYSQL_STMT *stmt, sql_row *row, void *arg)
{
	struct sql_value values[COLUMNS_MAX];
	int r = 0;

	for (unsigned i = 0; i < c->n; i++) {
		MYSQL_BIND one = {.buffer_type = c->binds[i].buffer_type};

		values[i] = sql_int(c->numbers[i]);
		if (c->nulls[i]) {
			values[i].type = SQL_NULL;
			continue;
		}
		if (one.buffer_type == MYSQL_TYPE_LONGLONG)
			continue;
		c->bytes[i] = xrealloc(c->bytes[i], c->lengths[i] + 1);
		one.buffer = c->bytes[i];
		one.buffer_length = c->lengths[i];
		one.length = &c->lengths[i];
		if (c->lengths[i] && mysql_stmt_fetch_column(stmt, &one, i, 0))
			r = -EIO;
		c->bytes[i][c->lengths[i]] = '\0';
		values[i] = (struct sql_value){.type = c->is_blob[i] ? SQL_BLOB : SQL_TEXT,
			.data = c->bytes[i],
			.len = c->lengths[i]};
	}
	if (r == 0 && row)
		row(arg, values, c->n);
	return r;
}

static int fetch(struct mysql *m, MYSQL_STMT *stmt, sql_row *row, void *arg, char **ret_why)
{
	MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
	cleanup(freep) struct columns *c = NULL;
	int r = 0, code = MYSQL_NO_DATA;

	if (!meta)
		return 0; /* no rows come of such a statement */
	c = xcalloc(1, sizeof(*c));
	bind_columns(c, meta);
	if (mysql_stmt_bind_result(stmt, c->binds))
		r = failed_stmt(m, stmt, ret_why);
	while (r == 0 && ((code = mysql_stmt_fetch(stmt)) == 0 || code == MYSQL_DATA_TRUNCATED)) {
		r = give_row(c, stmt, row, arg);
		if (r < 0 && ret_why)
			*ret_why = xasprintf("%s: a row cannot be read", m->base.shown);
	}
	if (r == 0 && code != MYSQL_NO_DATA)
		r = failed_stmt(m, stmt, ret_why);
	for (unsigned i = 0; i < c->n; i++)
		free(c->bytes[i]);
	mysql_free_result(meta);
	mysql_stmt_free_result(stmt);
	return r;
}

static int check_size(struct mysql *m, const struct sql_value *args, size_t n_args, char **ret_why)
{
	size_t total = 4096;

	for (size_t i = 0; i < n_args; i++)
		total += args[i].len;
	if (!m->packet_max || total <= m->packet_max)
		return 0;
	if (ret_why)
		*ret_why = xasprintf("%s takes at most %zu MiB at once, and this are %zu: raise "
				     "max_allowed_packet of the server to 80M",
			m->base.shown, m->packet_max / MIB, total / MIB + 1);
	return -E2BIG;
}

static int run(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	sql_row *row, void *arg, char **ret_why)
{
	struct mysql *m = of(sql);
	cleanup(freep) struct arguments *a = NULL;
	MYSQL_STMT *stmt = NULL;
	int r;

	if (m->gone)
		return lost(m, ret_why);
	r = check_size(m, args, n_args, ret_why);
	if (r == 0)
		r = prepare(m, text, &stmt, ret_why);
	if (r < 0)
		return r;
	a = xcalloc(1, sizeof(*a));
	bind(a, args, n_args);
	if ((n_args && mysql_stmt_bind_param(stmt, a->binds)) || mysql_stmt_execute(stmt))
		r = failed_stmt(m, stmt, ret_why);
	else
		r = fetch(m, stmt, row, arg, ret_why);
	for (size_t i = 0; i < n_args; i++)
		free(a->cleaned[i]);
	return r;
}

/* Our scripts have no semicolon within a literal. */
static int script(struct sql *sql, const char *text, char **ret_why)
{
	struct mysql *m = of(sql);

	if (m->gone)
		return lost(m, ret_why);
	while (*text) {
		size_t len = strcspn(text, ";");

		if (len && mysql_real_query(m->conn, text, len))
			return failed(m, mysql_errno(m->conn), mysql_error(m->conn), ret_why);
		text += len + (text[len] == ';');
	}
	return 0;
}

static bool in_transaction(struct sql *sql)
{
	struct mysql *m = of(sql);
	unsigned status = 0;

	if (m->gone)
		return false;
	mariadb_get_infov(m->conn, MARIADB_CONNECTION_SERVER_STATUS, &status);
	return status & SERVER_STATUS_IN_TRANS;
}

static void close_mysql(struct sql *sql)
{
	struct mysql *m = of(sql);
	struct statement *known, *next;

	HASH_ITER(hh, m->statements, known, next)
	{
		HASH_DEL(m->statements, known);
		mysql_stmt_close(known->stmt);
		free(known->text);
		free(known);
	}
	if (m->conn)
		mysql_close(m->conn);
	database_url_free(&m->url);
	free(m->base.shown);
	free(m);
}

static const struct sql_driver driver = {
	.dialect = SQL_DIALECT_MYSQL,
	.close = close_mysql,
	.run = run,
	.script = script,
	.in_transaction = in_transaction,
};

/* ---- opening ---- */

#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

/* A socket does not leave the computer. */
static bool wants_tls(const struct database_url *url)
{
	return url->ssl != SSL_DISABLED && !url->socket && *url->host;
}

static void set_tls(struct mysql *m)
{
	const struct database_url *url = &m->url;
	const char *ca = url->ssl_ca;
	my_bool yes = 1;

	if (!wants_tls(url))
		return;
	if (url->ssl == SSL_VERIFY_IDENTITY && !ca)
		ca = SYSTEM_AUTHORITIES;
	mysql_ssl_set(m->conn, url->ssl_key, url->ssl_cert, ca, NULL, NULL);
	if (url->ssl >= SSL_REQUIRED)
		mysql_optionsv(m->conn, MYSQL_OPT_SSL_ENFORCE, &yes);
	if (url->ssl == SSL_VERIFY_IDENTITY)
		mysql_optionsv(m->conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
}

static void set_options(struct mysql *m)
{
	unsigned connect_s =
		m->url.connect_timeout_s ? (unsigned)m->url.connect_timeout_s : STORE_CONNECT_S;
	unsigned silence_s = STORE_SILENCE_S, none = 0, tcp = MYSQL_PROTOCOL_TCP;

	mysql_optionsv(m->conn, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_optionsv(m->conn, MYSQL_OPT_READ_TIMEOUT, &silence_s);
	mysql_optionsv(m->conn, MYSQL_OPT_WRITE_TIMEOUT, &silence_s);
	mysql_optionsv(m->conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* A server may ask for any file of ours otherwise. */
	mysql_optionsv(m->conn, MYSQL_OPT_LOCAL_INFILE, &none);
	if (!m->url.socket && *m->url.host) /* "localhost" too */
		mysql_optionsv(m->conn, MYSQL_OPT_PROTOCOL, &tcp);
	set_tls(m);
}

static const char settings[] =
	"SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1;"
	"SET SESSION innodb_lock_wait_timeout = 5, lock_wait_timeout = 5;" /* STORE_BUSY_MS */
	/* A bot whose computer died gives its lock back: STORE_CLIENT_GONE_S. */
	"SET SESSION wait_timeout = 150;"
	"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";

static void take_packet(void *arg, const struct sql_value *columns, size_t n)
{
	*(size_t *)arg = (size_t)sql_as_int(&columns[0]);
}

int fullet_sql_open(const struct database_url *url, struct sql **ret, char **ret_why)
{
	struct mysql *m = xcalloc(1, sizeof(*m));
	int r = 0;

	m->base.driver = &driver;
	m->base.shown = xstrdup(url->shown);
	database_url_copy(&m->url, url);
	m->conn = mysql_init(NULL);
	must(m->conn);
	set_options(m);
	if (!mysql_real_connect(m->conn, *url->host ? url->host : NULL,
		    *url->user ? url->user : NULL, url->password, url->database,
		    (unsigned)url->port, url->socket, 0)) {
		cleanup(freep) char *clean = database_url_scrub(url, mysql_error(m->conn));

		r = errno_of(mysql_errno(m->conn), "");
		*ret_why = xasprintf("%s cannot be opened: %s", url->shown, clean);
	}
	/* The library goes on in the open with a server that has no TLS, whatever it was told. */
	if (r == 0 && wants_tls(url) && url->ssl >= SSL_REQUIRED &&
		!mysql_get_ssl_cipher(m->conn)) {
		*ret_why = xasprintf("%s cannot be opened: the server has no TLS (SSL), which "
				     "ssl-mode demands",
			url->shown);
		r = -EACCES;
	}
	if (r == 0)
		r = script(&m->base, settings, ret_why);
	if (r == 0)
		r = run(&m->base, "SELECT @@max_allowed_packet", NULL, 0, take_packet,
			&m->packet_max, ret_why);
	if (r < 0)
		close_mysql(&m->base);
	else
		*ret = &m->base;
	return r;
}
