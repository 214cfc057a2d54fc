/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database_url.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/near.h"
#include "base/secret.h"

/* ---- pieces ---- */

static int refuse(char **ret_why, char *sentence)
{
	*ret_why = sentence;
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes percent-encoding; NULL when it is broken or hides a control character. */
static char *decode(const char *text, size_t len)
{
	cleanup(buf_free) struct buf out = BUF(DATABASE_URL_MAX + 1);

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if ((unsigned char)c < ' ' || c == 0x7f || buf_add(&out, &c, 1) < 0)
			return NULL;
	}
	return utf8_valid(buf_str(&out), out.len) ? buf_take(&out) : NULL;
}

static void add_secret(struct database_url *url, const char *text, size_t len)
{
	if (len > 0 && url->n_secrets < countof(url->secrets))
		url->secrets[url->n_secrets++] = secret_move(xstrndup(text, len));
}

/* ---- the parts of an URL ---- */

/* Where they are in the text. */
struct piece {
	const char *at;
	size_t len;
};

struct pieces {
	struct piece scheme, user, password, hosts, path, query;
	bool has_user, has_password;
};

static struct piece until(const char **text, const char *stops)
{
	struct piece piece = {*text, strcspn(*text, stops)};

	*text += piece.len;
	return piece;
}

static void split_userinfo(struct pieces *p, struct piece info)
{
	const char *colon = memchr(info.at, ':', info.len);

	p->has_user = true;
	p->user = (struct piece){info.at, colon ? (size_t)(colon - info.at) : info.len};
	if (!colon)
		return;
	p->has_password = true;
	p->password = (struct piece){colon + 1, info.len - p->user.len - 1};
}

/* A password with a raw @, / or ? would be cut, and its rest taken for a host and shown: such a
 * text is refused without repeating any of it. */
static int split(const char *text, struct pieces *p, char **ret_why)
{
	const char *rest = text, *at;
	struct piece authority;

	p->scheme = until(&rest, ":");
	if (!str_starts(rest, "://"))
		return refuse(ret_why, xstrdup("it must begin like postgresql://, mysql://, "
					       "mariadb:// or sqlite:///"));
	rest += 3;
	authority = until(&rest, "/?");
	if (*rest == '/') {
		rest++;
		p->path = until(&rest, "?");
	}
	if (*rest == '?') {
		rest++;
		p->query = until(&rest, "");
	}
	at = memchr(authority.at, '@', authority.len);
	if ((at && memchr(at + 1, '@', authority.len - (size_t)(at + 1 - authority.at))) ||
		(p->path.len && memchr(p->path.at, '@', p->path.len)))
		return refuse(
			ret_why, xstrdup("a user or password with one of @ / ? : % # must be "
					 "written with %40 %2F %3F %3A %25 %23 in its place"));
	p->hosts = authority;
	if (!at)
		return 0;
	split_userinfo(p, (struct piece){authority.at, (size_t)(at - authority.at)});
	p->hosts = (struct piece){at + 1, authority.len - (size_t)(at + 1 - authority.at)};
	return 0;
}

static bool is_port(const char *text, size_t len)
{
	long port = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || i >= 5)
			return false;
		port = 10 * port + (text[i] - '0');
	}
	return len == 0 || (port > 0 && port < 65536);
}

/* One "host", "host:port" or "[v6]:port". The pieces may be NULL. */
static bool split_host(struct piece one, struct piece *host, struct piece *port)
{
	const char *end = one.at + one.len, *colon, *close;

	*host = one;
	*port = (struct piece){end, 0};
	if (one.len && *one.at == '[') {
		close = memchr(one.at, ']', one.len);
		if (!close || close == one.at + 1)
			return false;
		*host = (struct piece){one.at + 1, (size_t)(close - one.at - 1)};
		if (close + 1 == end)
			return true;
		colon = close + 1;
		if (*colon != ':')
			return false;
	} else {
		colon = memchr(one.at, ':', one.len);
		if (!colon)
			return true;
		host->len = (size_t)(colon - one.at);
	}
	*port = (struct piece){colon + 1, (size_t)(end - colon - 1)};
	return is_port(port->at, port->len);
}

/* ---- parameters ---- */

/* `name` and the value decoded. */
typedef int parameter(struct database_url *url, const char *name, const char *value,
	struct piece raw, char **ret_why);

static int each_parameter(
	struct database_url *url, struct piece query, parameter *take_one, char **ret_why)
{
	const char *p = query.at, *end = query.at + query.len;

	while (p < end) {
		const char *stop = memchr(p, '&', (size_t)(end - p));
		const char *equals;
		cleanup(freep) char *name = NULL, *value = NULL;
		struct piece raw;
		int r;

		stop = stop ? stop : end;
		equals = memchr(p, '=', (size_t)(stop - p));
		if (!equals)
			return refuse(ret_why,
				xstrdup("behind the ? each parameter needs a value: name=value"));
		raw = (struct piece){equals + 1, (size_t)(stop - equals - 1)};
		name = decode(p, (size_t)(equals - p));
		value = decode(raw.at, raw.len);
		if (!name || !value)
			return refuse(ret_why, xstrdup("a % of a parameter is not followed by two "
						       "hexadecimal digits"));
		r = take_one(url, name, value, raw, ret_why);
		if (r < 0)
			return r;
		p = stop < end ? stop + 1 : end;
	}
	return 0;
}

/* Only what looks like a name is repeated: it may be the rest of a password. */
static int unknown_parameter(
	const char *name, const char *const *known, size_t n, const char *of, char **ret_why)
{
	int near = near_find(name, known, n);

	if (near >= 0)
		return refuse(ret_why,
			xasprintf("it has a parameter that %s does not have; did you mean %s?", of,
				known[near]));
	return refuse(ret_why, xasprintf("it has a parameter that %s does not have", of));
}

/* ---- PostgreSQL ---- */

/* libpq's, up to version 18. `ssl` is its help for URLs of JDBC. */
static const char *const libpq_parameters[] = {"host", "hostaddr", "port", "dbname", "user",
	"password", "passfile", "require_auth", "channel_binding", "connect_timeout",
	"client_encoding", "options", "application_name", "fallback_application_name", "keepalives",
	"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
	"replication", "gssencmode", "sslmode", "requiressl", "sslnegotiation", "sslcompression",
	"sslcert", "sslkey", "sslkeylogfile", "sslpassword", "sslcertmode", "sslrootcert", "sslcrl",
	"sslcrldir", "sslsni", "requirepeer", "ssl_min_protocol_version",
	"ssl_max_protocol_version", "min_protocol_version", "max_protocol_version", "krbsrvname",
	"gsslib", "gssdelegation", "service", "target_session_attrs", "load_balance_hosts",
	"scram_client_key", "scram_server_key", "oauth_issuer", "oauth_client_id",
	"oauth_client_secret", "oauth_scope", "ssl"};

static int postgres_parameter(struct database_url *url, const char *name, const char *value,
	struct piece raw, char **ret_why)
{
	static const char *const secret[] = {"password", "sslpassword", "oauth_client_secret"};

	for (size_t i = 0; i < countof(secret); i++)
		if (str_eq(name, secret[i])) {
			add_secret(url, value, strlen(value));
			add_secret(url, raw.at, raw.len);
		}
	if (str_eq(name, "host"))
		str_set(&url->host, value);
	if (str_eq(name, "dbname"))
		str_set(&url->database, value);
	for (size_t i = 0; i < countof(libpq_parameters); i++)
		if (str_eq(name, libpq_parameters[i]))
			return 0;
	return unknown_parameter(
		name, libpq_parameters, countof(libpq_parameters), "PostgreSQL's library", ret_why);
}

static int check_hosts(struct piece hosts, char **ret_why)
{
	const char *p = hosts.at, *end = hosts.at + hosts.len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		struct piece host, port;

		if (!split_host(
			    (struct piece){p, (size_t)((comma ? comma : end) - p)}, &host, &port))
			return refuse(ret_why,
				xstrdup("host and port must be like db.example:5432, or "
					"[2001:db8::1]:5432; a password with one of @ / ? : % # is "
					"written with %40 %2F %3F %3A %25 %23 in its place"));
		p = comma ? comma + 1 : end;
	}
	return 0;
}

static int parse_postgres(
	struct database_url *url, const struct pieces *p, const char *text, char **ret_why)
{
	cleanup(freep) char *host = decode(p->hosts.at, p->hosts.len);
	cleanup(freep) char *user = decode(p->user.at, p->user.len);
	cleanup(freep) char *database = decode(p->path.at, p->path.len);
	int r = check_hosts(p->hosts, ret_why);

	if (r == 0 && p->query.at)
		r = each_parameter(url, p->query, postgres_parameter, ret_why);
	if (r < 0)
		return r;
	if (!host || !user || !database)
		return refuse(
			ret_why, xstrdup("a % in it is not followed by two hexadecimal digits"));
	url->uri = secret_move(xasprintf("postgresql%s", text + p->scheme.len));
	url->shown = xasprintf("postgresql://%s%s%s/%s", user, *user ? "@" : "",
		*host	    ? host
		: url->host ? url->host
			    : "",
		*database	? database
		: url->database ? url->database
				: "");
	return 0;
}

/* ---- MySQL ---- */

static const char *const mysql_parameters[] = {"ssl-mode", "ssl-ca", "ssl-cert", "ssl-key",
	"charset", "connect-timeout", "unix-socket", "socket", "ssl"};

static int set_ssl_mode(struct database_url *url, const char *value, char **ret_why)
{
	static const char *const modes[] = {
		"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"};

	for (size_t i = 0; i < countof(modes); i++)
		if (strcasecmp(value, modes[i]) == 0) {
			url->ssl = (enum database_ssl)i;
			return 0;
		}
	return refuse(ret_why, xstrdup("ssl-mode must be one of DISABLED, PREFERRED, REQUIRED, "
				       "VERIFY_CA, VERIFY_IDENTITY"));
}

static int mysql_parameter(struct database_url *url, const char *name, const char *value,
	struct piece raw, char **ret_why)
{
	struct {
		const char *name;
		char **where;
	} texts[] = {{"ssl-ca", &url->ssl_ca}, {"ssl-cert", &url->ssl_cert},
		{"ssl-key", &url->ssl_key}, {"unix-socket", &url->socket},
		{"socket", &url->socket}};
	cleanup(freep) char *plain = xstrdup(name);
	uint64_t seconds;

	for (char *c = plain; *c; c++)
		*c = *c == '_' ? '-' : *c; /* both are in use */
	for (size_t i = 0; i < countof(texts); i++)
		if (str_eq(plain, texts[i].name)) {
			str_set(texts[i].where, value);
			return 0;
		}
	if (str_eq(plain, "ssl-mode") || str_eq(plain, "sslmode"))
		return set_ssl_mode(url, value, ret_why);
	if (str_eq(plain, "ssl"))
		return set_ssl_mode(url,
			str_eq(value, "true") || str_eq(value, "1") ? "REQUIRED" : "DISABLED",
			ret_why);
	if (str_eq(plain, "charset"))
		return str_eq(value, "utf8mb4") || str_eq(value, "utf8")
			       ? 0
			       : refuse(ret_why, xstrdup("charset must be utf8mb4"));
	if (!str_eq(plain, "connect-timeout"))
		return unknown_parameter(
			plain, mysql_parameters, countof(mysql_parameters), "MySQL's URL", ret_why);
	if (parse_u64(value, &seconds) < 0 || seconds < 1 || seconds > 300)
		return refuse(ret_why, xstrdup("connect_timeout must be 1 to 300 seconds"));
	url->connect_timeout_s = (int)seconds;
	return 0;
}

static int take_mysql_host(struct database_url *url, const struct pieces *p, char **ret_why)
{
	struct piece host, port;

	if (!split_host(p->hosts, &host, &port) || memchr(host.at, ',', host.len))
		return refuse(ret_why, xstrdup("host and port must be like db.example:3306, or "
					       "[2001:db8::1]:3306; a password with one of @ / ? : "
					       "% # is written with %40 %2F %3F %3A %25 %23 in its "
					       "place"));
	url->port = port.len ? (int)strtol(port.at, NULL, 10) : 3306;
	url->host = decode(host.at, host.len);
	url->user = p->has_user ? decode(p->user.at, p->user.len) : xstrdup("");
	url->password = secret_move(
		p->has_password ? decode(p->password.at, p->password.len) : xstrdup(""));
	url->database = decode(p->path.at, p->path.len);
	if (!url->host || !url->user || !url->password || !url->database)
		return refuse(
			ret_why, xstrdup("a % in it is not followed by two hexadecimal digits"));
	return 0;
}

static int parse_mysql(struct database_url *url, const struct pieces *p, char **ret_why)
{
	cleanup(freep) char *port_shown = NULL;
	int r = take_mysql_host(url, p, ret_why);

	url->ssl = SSL_PREFERRED;
	if (r == 0 && p->query.at)
		r = each_parameter(url, p->query, mysql_parameter, ret_why);
	if (r < 0)
		return r;
	if (!*url->database)
		return refuse(ret_why,
			xstrdup("it names no database: mysql://USER:PASSWORD@HOST/DATABASE"));
	if (url->ssl == SSL_VERIFY_CA && !url->ssl_ca)
		return refuse(ret_why,
			xstrdup("ssl-mode=VERIFY_CA needs ssl-ca, the file with the authority"));
	if (!url->socket && url->port != 3306)
		port_shown = xasprintf(":%d", url->port);
	url->shown = xasprintf("mysql://%s%s%s%s/%s", url->user, *url->user ? "@" : "",
		url->socket ? url->socket : url->host, port_shown ? port_shown : "", url->database);
	return 0;
}

/* ---- SQLite ---- */

static int parse_sqlite(struct database_url *url, const struct pieces *p, char **ret_why)
{
	if (p->hosts.len || p->has_user)
		return refuse(ret_why, xstrdup("a file is written sqlite:///folder/file.db, with "
					       "three slashes, or four for one that begins at /"));
	if (p->query.len)
		return refuse(ret_why, xstrdup("a SQLite file has no parameters here"));
	url->path = decode(p->path.at, p->path.len);
	if (!url->path)
		return refuse(
			ret_why, xstrdup("a % in it is not followed by two hexadecimal digits"));
	if (!*url->path || str_eq(url->path, ":memory:") || str_ends(url->path, "/"))
		return refuse(ret_why,
			xstrdup("it names no file: what is in memory only is lost at the end"));
	url->shown = xstrdup(url->path);
	return 0;
}

/* ---- all ---- */

static int check_bytes(const char *text, char **ret_why)
{
	size_t len = strlen(text);

	if (len > DATABASE_URL_MAX)
		return refuse(ret_why, xstrdup("it is too long"));
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return refuse(ret_why, xstrdup("it contains a space or a control "
						       "character; in a password it is written as "
						       "%20"));
	return utf8_valid(text, len) ? 0 : refuse(ret_why, xstrdup("it is not UTF-8"));
}

static bool scheme_is(struct piece scheme, const char *name)
{
	size_t len = strlen(name);

	return scheme.len >= len && strncasecmp(scheme.at, name, len) == 0 &&
	       (scheme.len == len || scheme.at[len] == '+');
}

static int parse(const char *text, struct database_url *url, char **ret_why)
{
	cleanup(wipe_freep) char *password = NULL;
	struct pieces p = {0};
	int r = check_bytes(text, ret_why);

	if (r == 0)
		r = split(text, &p, ret_why);
	if (r < 0)
		return r;
	if (p.has_password) {
		password = decode(p.password.at, p.password.len);
		add_secret(url, p.password.at, p.password.len);
		if (!password)
			return refuse(ret_why,
				xstrdup("a % in it is not followed by two hexadecimal digits"));
		add_secret(url, password, strlen(password));
	}
	if (scheme_is(p.scheme, "postgresql") || scheme_is(p.scheme, "postgres")) {
		url->dialect = SQL_DIALECT_POSTGRES;
		return parse_postgres(url, &p, text, ret_why);
	}
	if (scheme_is(p.scheme, "mysql") || scheme_is(p.scheme, "mariadb")) {
		url->dialect = SQL_DIALECT_MYSQL;
		return parse_mysql(url, &p, ret_why);
	}
	if (scheme_is(p.scheme, "sqlite")) {
		url->dialect = SQL_DIALECT_SQLITE;
		return parse_sqlite(url, &p, ret_why);
	}
	return refuse(ret_why, xstrdup("it must begin like postgresql://, mysql://, mariadb:// or "
				       "sqlite:///"));
}

int database_url_parse(const char *text, struct database_url *ret, char **ret_why)
{
	struct database_url url = {0};
	char *why = NULL;
	int r = 0;

	if (strstr(text, "://")) {
		r = parse(text, &url, &why);
	} else if (!*text) {
		r = refuse(&why, xstrdup("it is empty"));
	} else { /* a path of our own */
		url.path = xstrdup(text);
		url.shown = xstrdup(text);
	}
	if (r < 0) {
		database_url_free(&url);
		if (ret_why)
			*ret_why = take(why);
		free(why);
		return r;
	}
	*ret = url;
	return 0;
}

void database_url_free(struct database_url *url)
{
	free(url->path);
	secret_free(url->uri);
	free(url->shown);
	free(url->user);
	secret_free(url->password);
	free(url->host);
	free(url->database);
	free(url->socket);
	free(url->ssl_ca);
	free(url->ssl_cert);
	free(url->ssl_key);
	for (size_t i = 0; i < url->n_secrets; i++)
		secret_free(url->secrets[i]);
	*url = (struct database_url){0};
}

void database_url_copy(struct database_url *dst, const struct database_url *src)
{
	*dst = *src;
	dst->path = xstrdup(src->path);
	dst->uri = secret_dup(src->uri);
	dst->shown = xstrdup(src->shown);
	dst->user = xstrdup(src->user);
	dst->password = secret_dup(src->password);
	dst->host = xstrdup(src->host);
	dst->database = xstrdup(src->database);
	dst->socket = xstrdup(src->socket);
	dst->ssl_ca = xstrdup(src->ssl_ca);
	dst->ssl_cert = xstrdup(src->ssl_cert);
	dst->ssl_key = xstrdup(src->ssl_key);
	for (size_t i = 0; i < src->n_secrets; i++)
		dst->secrets[i] = secret_dup(src->secrets[i]);
}

char *database_url_scrub(const struct database_url *url, const char *text)
{
	cleanup(buf_free) struct buf out = BUF(64 * KIB);

	while (*text) {
		size_t len = 0;

		for (size_t i = 0; i < url->n_secrets; i++)
			if (str_starts(text, url->secrets[i]))
				len = max_of(len, strlen(url->secrets[i]));
		if (len)
			(void)buf_add_str(&out, "***");
		else
			(void)buf_add(&out, (unsigned char)*text < ' ' ? " " : text, 1);
		text += len ? len : 1;
	}
	while (out.len && out.data[out.len - 1] == ' ')
		out.data[--out.len] = '\0';
	return buf_take(&out);
}
