keruen_fuzz(log_fuzz SOURCES log_fuzz.cc LINKS keruen::log)
