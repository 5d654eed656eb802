keruen_fuzz(config_fuzz SOURCES config_fuzz.cc LINKS keruen::host)
