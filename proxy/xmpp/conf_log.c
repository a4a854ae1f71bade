#include "sallyport/conf.h"

bool conf_open_log(const struct conf *conf, char *err, size_t err_n)
{
	if (!log_open(conf->log_target, strcmp(conf->log_format, "json") == 0, err, err_n))
		return false;
	log_set_limit(conf->log_lines);
	return true;
}
