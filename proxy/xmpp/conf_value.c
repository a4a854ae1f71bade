#include "conf_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/base64.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/file.h"

#define SECRET_LEAST 16
#define DAY_S 86400
#define BLANKS " \t,"

/* Quoted in a message, no longer than this. */
#define SHOWN "\"%.60s\""

typedef bool parse_fn(const struct conf_option *o, void *owner, const char *text, char *why);

static void *field_of(const struct conf_option *o, void *owner)
{
	return (char *)owner + o->offset;
}

/* Writes the reason; returns false. */
PRINTF_LIKE(2, 3) static bool bad(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, CONF_WHY_MAX, fmt, args);
	va_end(args);
	return false;
}

static bool out_of_memory(char *why)
{
	return bad(why, "out of memory");
}

void *conf_append(void *array, size_t *n, size_t size)
{
	char *p, *grown;

	memcpy(&p, array, sizeof(p));
	/* Room for 1, 2, 4, 8, …: it grows whenever the count has reached a power of two. */
	if ((*n & (*n - 1)) == 0) {
		size_t room = *n == 0 ? 1 : *n * 2;

		grown = reallocarray(p, room, size);
		if (grown == NULL)
			return NULL;
		p = grown;
		memcpy(array, &p, sizeof(p));
	}
	return memset(p + size * (*n)++, 0, size);
}

static void *list_append(const struct conf_option *o, void *owner, size_t size)
{
	size_t *n = (void *)((char *)owner + o->offset_n);

	return conf_append(field_of(o, owner), n, size);
}

/* The next word of a list; n == 0: no more. */
static struct span next_word(const char **text)
{
	struct span word;

	*text += strspn(*text, BLANKS);
	word = (struct span){*text, strcspn(*text, BLANKS)};
	*text += word.n;
	return word;
}

static bool parse_level(const struct conf_option *o, void *owner, const char *text, char *why)
{
	if (!log_level_parse(span_of(text), field_of(o, owner)))
		return bad(why, SHOWN " is no level: error, warning, info or debug", text);
	return true;
}

static bool parse_bool(const struct conf_option *o, void *owner, const char *text, char *why)
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return bad(why, SHOWN " is neither yes nor no", text);
	*(bool *)field_of(o, owner) = yes;
	return true;
}

/* Digits, then one of the units.  False: no number, no such unit, or more than 64 bits. */
struct unit {
	const char *name;
	uint32_t factor;
};

static bool number_parse(const char *text, const struct unit *units, size_t units_n, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t value = 0;

	if (digits == 0 || digits > 10)
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < units_n; i++) {
		if (strcmp(text + digits, units[i].name) == 0) {
			*out = value * units[i].factor;
			return true;
		}
	}
	return false;
}

/* In the largest unit that leaves no rest. */
static const char *number_format(uint32_t value, const struct unit *units, size_t units_n, char out[static 16])
{
	size_t i = units_n - 1;

	while (i > 0 && (value == 0 || value % units[i].factor != 0))
		i--;
	snprintf(out, 16, "%u%s", value / units[i].factor, units[i].name);
	return out;
}

static bool number_store(
    const struct conf_option *o, void *owner, uint64_t value, const struct unit *units, size_t units_n, char *why)
{
	char least[16], most[16];

	if (value < o->least || value > o->most)
		return bad(why, "must be between %s and %s", number_format(o->least, units, units_n, least),
		    number_format(o->most, units, units_n, most));
	*(uint32_t *)field_of(o, owner) = (uint32_t)value;
	return true;
}

static bool parse_count(const struct conf_option *o, void *owner, const char *text, char *why)
{
	static const struct unit units[] = {{"", 1}};
	uint64_t value;

	if (!number_parse(text, units, ARRAY_LEN(units), &value))
		return bad(why, SHOWN " is no number", text);
	return number_store(o, owner, value, units, ARRAY_LEN(units), why);
}

static bool parse_size(const struct conf_option *o, void *owner, const char *text, char *why)
{
	static const struct unit units[] = {{"", 1}, {"K", 1024}, {"M", 1024 * 1024}};
	uint64_t value;

	if (!number_parse(text, units, ARRAY_LEN(units), &value))
		return bad(why, SHOWN " is no size: write bytes, or a number and a unit (K, M), as in 256K", text);
	return number_store(o, owner, value, units, ARRAY_LEN(units), why);
}

static bool parse_duration(const struct conf_option *o, void *owner, const char *text, char *why)
{
	static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	uint64_t value;

	if (!number_parse(text, units, ARRAY_LEN(units), &value))
		return bad(why, SHOWN " is no duration: write a number and a unit (ms, s, m, h, d), as in 30s", text);
	return number_store(o, owner, value, units, ARRAY_LEN(units), why);
}

static bool store_text(const struct conf_option *o, void *owner, const char *text, char *why)
{
	char **field = field_of(o, owner);
	char *copy = strdup(text);

	if (copy == NULL)
		return out_of_memory(why);
	free(*field);
	*field = copy;
	return true;
}

static bool parse_user(const struct conf_option *o, void *owner, const char *text, char *why)
{
	if (getpwnam(text) == NULL)
		return bad(why, "there is no user " SHOWN " on this system", text);
	return store_text(o, owner, text, why);
}

static bool parse_secret(const struct conf_option *o, void *owner, const char *text, char *why)
{
	if (strlen(text) < SECRET_LEAST)
		return bad(why, "too short: at least %d random characters", SECRET_LEAST);
	/* So that the example, uncommented, is none. */
	if (text[strcspn(text, BLANKS)] != '\0')
		return bad(why, "a secret has no blanks or commas");
	return store_text(o, owner, text, why);
}

bool conf_file_readable(const char *path, char why[static CONF_WHY_MAX])
{
	int err = file_check(path);

	if (err == EINVAL)
		return bad(why, "%.180s is no regular file", path);
	return err == 0 || bad(why, "%.180s: %s", path, strerror(err));
}

static bool is_absolute(const char *path, char *why)
{
	return path[0] == '/' || bad(why, SHOWN " is no absolute path", path);
}

static bool parse_path(const struct conf_option *o, void *owner, const char *text, char *why)
{
	return is_absolute(text, why) && store_text(o, owner, text, why);
}

static bool append_text(const struct conf_option *o, void *owner, const char *text, char *why)
{
	char *copy = strdup(text);
	char **place = copy != NULL ? list_append(o, owner, sizeof(*place)) : NULL;

	if (place == NULL) {
		free(copy);
		return out_of_memory(why);
	}
	*place = copy;
	return true;
}

static bool parse_files(const struct conf_option *o, void *owner, const char *text, char *why)
{
	return is_absolute(text, why) && conf_file_readable(text, why) && append_text(o, owner, text, why);
}

static bool folder_readable(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool parse_folders(const struct conf_option *o, void *owner, const char *text, char *why)
{
	if (!is_absolute(text, why))
		return false;
	if (!folder_readable(text))
		return bad(why, "%.180s: %s", text, strerror(errno));
	return append_text(o, owner, text, why);
}

static bool parse_places(const struct conf_option *o, void *owner, const char *text, char *why)
{
	return is_absolute(text, why) && (folder_readable(text) || conf_file_readable(text, why)) &&
	       append_text(o, owner, text, why);
}

static bool bad_address(char *why, struct span word)
{
	return bad(why, "\"%.*s\" is no address: write IP:PORT or [IPV6]:PORT", word.n < 60 ? (int)word.n : 60, word.p);
}

static bool parse_address(const struct conf_option *o, void *owner, const char *text, char *why)
{
	return addr_parse(field_of(o, owner), span_of(text), false) || bad_address(why, span_of(text));
}

/* An address that may lack its port, and an IPv6 one then also its brackets. */
static bool server_parse(struct addr *out, struct span word, uint32_t port)
{
	char text[ADDR_TEXT_MAX];
	bool bare = memchr(word.p, ':', word.n) != NULL && word.p[0] != '[';

	if (addr_parse(out, word, false))
		return true;
	if (word.n > sizeof(text) - sizeof("[]:65535"))
		return false;
	snprintf(text, sizeof(text), bare ? "[%.*s]:%u" : "%.*s:%u", SPAN_FMT(word), port);
	return addr_parse(out, span_of(text), false);
}

static bool parse_addresses(const struct conf_option *o, void *owner, const char *text, char *why)
{
	for (struct span word = next_word(&text); word.n > 0; word = next_word(&text)) {
		struct addr a, *place;
		bool ok = o->type == CONF_SERVERS ? server_parse(&a, word, o->least) : addr_parse(&a, word, false);

		if (!ok)
			return bad_address(why, word);
		place = list_append(o, owner, sizeof(*place));
		if (place == NULL)
			return out_of_memory(why);
		*place = a;
	}
	return true;
}

/* "*", or the same written out: "*.example.org". */
static bool is_wildcard(const struct conf_host *host, struct span word)
{
	struct domain d;

	if (span_eq(word, SPAN("*")))
		return true;
	return word.n > 2 && memcmp(word.p, "*.", 2) == 0 && domain_parse(&d, (struct span){word.p + 2, word.n - 2}) &&
	       domain_eq(&d, &host->domain);
}

static bool parse_subdomains(const struct conf_option *o, void *owner, const char *text, char *why)
{
	struct conf_host *host = owner;

	for (struct span word = next_word(&text); word.n > 0; word = next_word(&text)) {
		int shown = word.n < 60 ? (int)word.n : 60;
		struct domain d, *place;

		if (is_wildcard(host, word)) {
			host->wildcard = true;
			continue;
		}
		if (!domain_parse(&d, word))
			return bad(why, "\"%.*s\" is no domain", shown, word.p);
		/* Almost always meant as a label to go in front of the host's domain, and never served as it is. */
		if (memchr(d.s, '.', d.n) == NULL && memchr(host->domain.s, '.', host->domain.n) != NULL)
			return bad(why, "write the whole domain: %s.%s", d.s, host->domain.s);
		place = list_append(o, owner, sizeof(*place));
		if (place == NULL)
			return out_of_memory(why);
		*place = d;
	}
	return true;
}

static bool parse_revocation(const struct conf_option *o, void *owner, const char *text, char *why)
{
	enum conf_revocation *field = field_of(o, owner);
	bool soft = strcmp(text, "soft") == 0;

	if (!soft && strcmp(text, "hard") != 0)
		return bad(why, SHOWN " is neither soft nor hard", text);
	*field = soft ? REVOCATION_SOFT : REVOCATION_HARD;
	return true;
}

/* One of three words, which stand for an enum's values in their order. */
static bool parse_word(const struct conf_option *o, void *owner, const char *text, char *why)
{
	static const char *const reach[] = {"any", "private", "global"}, *const guard[] = {"try", "require", "off"};
	const char *const *words = o->type == CONF_REACH ? reach : guard;
	unsigned first = o->type == CONF_REACH ? (unsigned)ADDR_HERE : (unsigned)GUARD_TRY;

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, words[i]) != 0)
			continue;
		*(unsigned *)field_of(o, owner) = first + i;
		return true;
	}
	return bad(why, SHOWN " is none of %s, %s and %s", text, words[0], words[1], words[2]);
}

static bool key_parse(struct conf_key *key, struct span word)
{
	uint8_t bytes[sizeof(key->sha256) + 1]; /* what the decoder asks room for */
	size_t n;

	if (!EVP_DecodeBase64(bytes, &n, sizeof(bytes), (const uint8_t *)word.p, word.n) || n != sizeof(key->sha256))
		return false;
	memcpy(key->sha256, bytes, n);
	return true;
}

static bool bad_key(char *why, struct span word)
{
	return bad(why, "\"%.*s\" is no key: write base64 of a SHA-256, 44 characters", word.n < 60 ? (int)word.n : 60,
	    word.p);
}

static bool parse_keys(const struct conf_option *o, void *owner, const char *text, char *why)
{
	for (struct span word = next_word(&text); word.n > 0; word = next_word(&text)) {
		struct conf_key key, *place;

		if (!key_parse(&key, word))
			return bad_key(why, word);
		place = list_append(o, owner, sizeof(*place));
		if (place == NULL)
			return out_of_memory(why);
		*place = key;
	}
	return true;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Hexadecimal, its octets parted by colons or not. */
static bool serial_number_parse(struct conf_serial *serial, struct span word)
{
	uint8_t digits[2 * sizeof(serial->bytes)];
	size_t n = 0;

	for (size_t i = 0; i < word.n; i++) {
		int value = hex_value(word.p[i]);

		if (word.p[i] == ':' && i > 0 && i + 1 < word.n && word.p[i - 1] != ':')
			continue;
		if (value < 0 || n == sizeof(digits))
			return false;
		if (n > 0 || value > 0)
			digits[n++] = (uint8_t)value;
	}
	serial->n = (uint8_t)((n + 1) / 2);
	memset(serial->bytes, 0, sizeof(serial->bytes));
	for (size_t i = 0; i < n; i++) {
		size_t from_end = n - 1 - i;

		serial->bytes[serial->n - 1 - from_end / 2] |= (uint8_t)(digits[i] << (from_end % 2 * 4));
	}
	return n > 0;
}

static bool parse_serial(const struct conf_option *o, void *owner, const char *text, char *why)
{
	struct span number = next_word(&text), issuer = next_word(&text), rest = next_word(&text);
	struct conf_serial serial, *place;

	if (!serial_number_parse(&serial, number))
		return bad(why, "\"%.*s\" is no serial number: write up to 20 octets in hexadecimal",
		    number.n < 60 ? (int)number.n : 60, number.p);
	if (rest.n > 0)
		return bad(why, "write a serial number and its issuer's key, one certificate a line");
	if (!key_parse(&serial.issuer, issuer))
		return bad_key(why, issuer);
	place = list_append(o, owner, sizeof(*place));
	if (place == NULL)
		return out_of_memory(why);
	*place = serial;
	return true;
}

/* RFC 3339, full-date; the last second of that day is the last one that it names. */
static bool parse_date(const struct conf_option *o, void *owner, const char *text, char *why)
{
	struct tm tm = {0};
	char back[16] = "";
	time_t start;

	if (strptime(text, "%Y-%m-%d", &tm) != NULL) {
		start = timegm(&tm);
		/* strptime() takes 2026-02-30, and numbers without their leading zeros. */
		if (gmtime_r(&start, &tm) != NULL && strftime(back, sizeof(back), "%Y-%m-%d", &tm) > 0 &&
		    strcmp(back, text) == 0) {
			*(int64_t *)field_of(o, owner) = (int64_t)start + DAY_S;
			return true;
		}
	}
	return bad(why, SHOWN " is no date: write one as in 2027-06-30", text);
}

static bool parse_ciphers(const struct conf_option *o, void *owner, const char *text, char *why)
{
	return conf_ciphers_parse(text, field_of(o, owner), why);
}

static bool parse_mode(const struct conf_option *o, void *owner, const char *text, char *why)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (text[strspn(text, "01234567")] != '\0' || end == text || mode > o->most)
		return bad(why, SHOWN " is no file mode: write one as in 0660", text);
	*(uint32_t *)field_of(o, owner) = (uint32_t)mode;
	return true;
}

static const struct {
	const char *name;
	parse_fn *parse;
	bool list;
} types[] = {
    [CONF_LEVEL] = {"level", parse_level, false},
    [CONF_BOOL] = {"yes or no", parse_bool, false},
    [CONF_COUNT] = {"number", parse_count, false},
    [CONF_SIZE] = {"size", parse_size, false},
    [CONF_DURATION] = {"duration", parse_duration, false},
    [CONF_USER] = {"user", parse_user, false},
    [CONF_SECRET] = {"text", parse_secret, false},
    [CONF_PATH] = {"file", parse_path, false},
    [CONF_FILES] = {"file", parse_files, true},
    [CONF_FOLDERS] = {"folder", parse_folders, true},
    [CONF_ADDRESS] = {"address", parse_address, false},
    [CONF_ADDRESSES] = {"addresses", parse_addresses, true},
    [CONF_SERVERS] = {"addresses", parse_addresses, true},
    [CONF_SUBDOMAINS] = {"domains", parse_subdomains, true},
    [CONF_BACKEND] = {"name", store_text, false},
    [CONF_PLACES] = {"file or folder", parse_places, true},
    [CONF_REVOCATION] = {"soft or hard", parse_revocation, false},
    [CONF_REACH] = {"any, private or global", parse_word, false},
    [CONF_KEYS] = {"keys", parse_keys, true},
    [CONF_SERIAL] = {"serial number and key", parse_serial, true},
    [CONF_DATE] = {"date", parse_date, false},
    [CONF_TEXT] = {"text", store_text, false},
    [CONF_CIPHERS] = {"cipher list", parse_ciphers, false},
    [CONF_GUARD] = {"try, require or off", parse_word, false},
    [CONF_MODE] = {"file mode", parse_mode, false},
};

const char *conf_type_name(enum conf_type type)
{
	return types[type].name;
}

bool conf_type_is_list(enum conf_type type)
{
	return types[type].list;
}

bool conf_value_parse(const struct conf_option *option, void *owner, const char *text, char why[static CONF_WHY_MAX])
{
	if (text[strspn(text, BLANKS)] == '\0')
		return bad(why, "there is no value");
	return types[option->type].parse(option, owner, text, why);
}

void conf_value_free(const struct conf_option *option, void *owner)
{
	void *field = field_of(option, owner);
	size_t *n = (void *)((char *)owner + option->offset_n);

	switch (option->type) {
	case CONF_FILES:
	case CONF_FOLDERS:
	case CONF_PLACES:
		for (size_t i = 0; i < *n; i++)
			free((*(char ***)field)[i]);
		free(*(char ***)field);
		break;
	case CONF_ADDRESSES:
	case CONF_SERVERS:
		free(*(struct addr **)field);
		break;
	case CONF_SUBDOMAINS:
		free(*(struct domain **)field);
		break;
	case CONF_KEYS:
		free(*(struct conf_key **)field);
		break;
	case CONF_SERIAL:
		free(*(struct conf_serial **)field);
		break;
	case CONF_SECRET:
		if (*(char **)field != NULL)
			explicit_bzero(*(char **)field, strlen(*(char **)field));
		free(*(char **)field);
		break;
	case CONF_USER:
	case CONF_PATH:
	case CONF_BACKEND:
	case CONF_TEXT:
	case CONF_CIPHERS:
		free(*(char **)field);
		break;
	case CONF_LEVEL:
	case CONF_BOOL:
	case CONF_COUNT:
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_ADDRESS:
	case CONF_REVOCATION:
	case CONF_REACH:
	case CONF_DATE:
	case CONF_GUARD:
	case CONF_MODE:
		break;
	}
}
